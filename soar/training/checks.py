"""What a training did, looked at from inside: replies, weights, rows held out. Runs in the training process."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from soar.core.seeding import keyed_rng
from soar.models.base import Prompt
from soar.models.tokens import encode_prompt, encode_reply
from soar.training.branches import Group, lay_out, token_logprobs
from soar.training.encoding import encode
from soar.training.folder import CHECKS
from soar.training.methods.base import Kind, Policy, Signal
from soar.training.network import uses_bf16
from soar.training.weights import Weights

PROBED, HELD = 32, 256  # replies that are looked at; rows held out that are measured, most
DRAWS = 2000  # of the bootstrap
LEARNT = {"completion": 1}  # columns, and which way they should go
WANTED = {"rows": LEARNT, "golden": LEARNT, "pairs": {"chosen": 1, "rejected": -1}}


class Probe(NamedTuple):
    """A reply that was learnt: its prompt's ids and its own; whether it should become likelier (1) or not (-1)."""

    prompt: list[int]
    reply: list[int]
    wanted: int


class Checks:
    """Looks at the policy at its start, and again at its end.

    Args:
        policy: as it is at the start.
        signal: what it learns from.
        kind: of the signal.
    """

    def __init__(self, policy: Policy, signal: Signal, kind: Kind) -> None:
        self.policy = policy
        self.probes = probes_of(signal.data, kind, policy)
        self.weights = Weights(policy.network)
        self.replies = self._logprobs(self.probes)
        self.held, self.tasks = _held(signal, policy)
        self.held_before = self._sums(self.held)

    def write(self, folder: Path) -> None:
        """Write what there is to say to `checks.json`, single tokens too: whoever asks the server compares them."""
        after = self._logprobs(self.probes)
        found = {
            "precision": "bf16" if uses_bf16(self.policy.config) else "fp32",
            "probes": [one._asdict() for one in self.probes],
            "trainer": {"before": self.replies, "after": after},
            "weights": self.weights.moved(self.policy.network),
            "held_out": self._held_out(),
        }
        (folder / CHECKS).write_text(json.dumps(found))

    def _held_out(self) -> dict[str, Any] | None:
        if not self.held:
            return None
        after = self._sums(self.held)
        lost = [then - now for then, now in zip(self.held_before, after, strict=True)]
        low, high = interval(lost, self.tasks, self.policy.config.seed)
        return {
            "rows": len(lost), "tasks": len(set(self.tasks)), "loss_before": -float(np.mean(self.held_before)),
            "loss_after": -float(np.mean(after)), "change": float(np.mean(lost)), "interval": [low, high],
        }  # fmt: skip

    def _sums(self, probes: Sequence[Probe]) -> list[float]:
        return [sum(each) for each in self._logprobs(probes)]

    def _logprobs(self, probes: Sequence[Probe]) -> list[list[float]]:
        """The log-probability of each token of each reply, computed as training computes."""
        network, training = self.policy.network, self.policy.network.training
        network.eval()
        mixed = torch.autocast(network.device.type, torch.bfloat16, enabled=uses_bf16(self.policy.config))
        with torch.no_grad(), mixed:
            found = [self._of(one) for one in probes]
        network.train(training)
        return found

    def _of(self, probe: Probe) -> list[float]:
        each: Tensor = token_logprobs(
            self.policy.network, lay_out([Group(probe.prompt, [probe.reply])], self.policy.pad)
        )
        logprobs: list[float] = each[0, -len(probe.reply) :].tolist()
        return logprobs


def probes_of(data: Any, kind: Kind, policy: Policy) -> list[Probe]:
    """Return replies of the signal, evenly spread over it; those too long for the window are not looked at."""
    if kind == "groups":
        return _best_and_worst(data, policy)
    wanted = WANTED[kind]
    places = np.linspace(0, len(data) - 1, min(len(data), PROBED // len(wanted))).round().astype(int)
    found = []
    for row in data.select(places.tolist()):
        prompt = Prompt(tuple(row["prompt"]), row["prefill"])
        for column, way in wanted.items():
            found.append(Probe(*encode_reply(policy.tokenizer, prompt, row[column]), way))
    return [one for one in found if len(one.prompt) + len(one.reply) <= policy.window]


def _best_and_worst(data: Any, policy: Policy) -> list[Probe]:
    """Of each of some groups the reply with the most reward and the one with the least, unless all have the same."""
    found = []
    differing = [row for row in data if max(row["rewards"]) > min(row["rewards"])]
    for row in differing[: PROBED // 2]:
        prompt = encode_prompt(policy.tokenizer, Prompt(tuple(row["prompt"]), row["prefill"]))
        for place, way in ((int(np.argmax(row["rewards"])), 1), (int(np.argmin(row["rewards"])), -1)):
            found.append(Probe(prompt, row["replies"][place], way))
    return [one for one in found if len(one.prompt) + len(one.reply) <= policy.window]


def interval(changes: Sequence[float], tasks: Sequence[str], seed: int) -> tuple[float, float]:
    """Return the 95% interval of the mean change, by a bootstrap over tasks."""
    names = sorted(set(tasks))
    index = {name: number for number, name in enumerate(names)}
    sums, counts = np.zeros(len(names)), np.zeros(len(names))
    np.add.at(sums, [index[one] for one in tasks], changes)
    np.add.at(counts, [index[one] for one in tasks], 1)
    drawn = keyed_rng(seed, "held out").integers(len(names), size=(DRAWS, len(names)))
    low, high = np.percentile(sums[drawn].sum(1) / counts[drawn].sum(1), [2.5, 97.5])
    return float(low), float(high)


def _held(signal: Signal, policy: Policy) -> tuple[list[Probe], list[str]]:
    """Rows held out, and the task of each; a row without one stands for itself."""
    if signal.held_out is None:
        return [], []
    places = np.linspace(0, len(signal.held_out) - 1, min(len(signal.held_out), HELD)).round().astype(int).tolist()
    rows = signal.held_out.select(places)
    names: Iterable[str] = rows["task_hash"] if "task_hash" in rows.column_names else map(str, places)
    encoded, _ = encode(rows.add_column("task", list(names)), policy.tokenizer, policy.window, keep=("task",))
    found = []
    for row in encoded:
        start = sum(label == -100 for label in row["labels"])
        found.append(Probe(row["input_ids"][:start], row["input_ids"][start:], 0))
    return found, list(encoded["task"])
