"""One visit: the last tokens of a golden solution are taken away, and the model is asked what should stand there first.

After "Golden solutions as guide for token-level reinforcement" (huikang.dev, ARC Prize 2025), with what an exact model
allows: the policy's probabilities are known, not estimated.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from soar.core.seeding import keyed_rng, keyed_seed
from soar.training.advantage import advantages, confidences, state_value, targets
from soar.training.golden import Golden, Rewards
from soar.training.samplers import Sampler
from soar.training.traces import Line

TRIED, LEAST = 8, 1e-4  # likeliest tokens that are tried beside the golden one, each at least so likely
FLOOR = 1e-30  # below which a probability has no logarithm worth having
STEPS = 32  # by which the whole solution is taken away, at least a token each
HARDER, EASIER = 0.75, 0.25  # value from which on more is taken away, and below which less is
MASTERED, STILL = 0.9, 0.01  # value from which on, and KL(target || policy) in nats up to which, nothing is trained
ROOM = 64  # tokens of a rollout, at least


@dataclass
class Place:
    """How far a golden solution has been taken away, and what was wanted at each place that was visited.

    Attributes:
        length: tokens of the golden reply.
        k: of them taken away.
        anchors: tokens and the probabilities that they should have, by the number of golden tokens before.
    """

    length: int
    k: int = 1
    anchors: dict[int, tuple[list[int], list[float]]] = field(default_factory=dict)

    @property
    def stride(self) -> int:
        """By how much `k` changes."""
        return max(1, self.length // STEPS)

    def note(self, line: Line) -> None:
        """Take over what a visit has found: its targets, and more or less to be taken away."""
        tried = line["actions"]
        self.anchors[line["given"]] = [one["token"] for one in tried], [one["target"] for one in tried]
        more = (line["value"] >= HARDER) - (line["value"] < EASIER)
        self.k = min(max(self.k + more * self.stride, 1), self.length)


def still(line: Line) -> bool:
    """Tell whether a visit found nothing worth training: the model is right nearly always, and its targets are near.

    Near is meant as the loss means it: that tokens which hardly ever come up should come up less still is no reason.
    """
    wanted = np.array([one["target"] for one in line["actions"]])
    mass = np.exp([one["logprob"] for one in line["actions"]])
    both = np.maximum([*wanted, 1 - wanted.sum()], FLOOR), np.maximum([*mass, 1 - mass.sum()], FLOOR)
    return bool(line["value"] >= MASTERED and (both[0] * np.log(both[0] / both[1])).sum() <= STILL)


@dataclass(frozen=True)
class Visitor:
    """Makes visits.

    Attributes:
        rewards: scores rollouts.
        rollouts: of each action.
        ends: tokens that end a reply.
        window: tokens of the longest sequence.
        seed: of all draws.
    """

    rewards: Rewards
    rollouts: int
    ends: frozenset[int]
    window: int
    seed: int

    def visit(self, golden: Golden, k: int, step: int, sampler: Sampler) -> Line:
        """Return what a visit finds, as a line of traces.

        Raises:
            SandboxError, ModelError: the machinery failed; nothing is known.
        """
        given = len(golden.reply) - k
        beginning = [*golden.prompt, *golden.reply[:given]]
        following = np.array(sampler.sample(beginning, 0, 0, 0).next)
        tokens = _actions(following, golden.reply[given])
        drawn = [self._draw(golden, given, token, step, sampler) for token in tokens]
        rewards = self.rewards.of(golden, [reply for some in drawn for reply in some])
        by_action = _split(rewards, [len(some) for some in drawn])
        solved = [self.rollouts * sum(some) / len(some) for some in by_action]  # of an end there is one, and no chance
        mass = np.exp(following[tokens])
        rng = keyed_rng(self.seed, "confidence", step, golden.task_hash)
        chances = confidences(mass, solved, self.rollouts, rng)
        signs = advantages(chances)
        value, covered = state_value(mass, solved, self.rollouts)
        wanted = targets(mass, signs)
        decode = self.rewards.decode
        return {
            "kind": "visit", "step": step, "task_id": golden.task.id, "task_hash": golden.task_hash,
            "length": len(golden.reply), "redacted": k, "given": given, "value": value, "covered": covered,
            "actions": [
                {
                    "token": token, "text": decode([token]), "golden": token == golden.reply[given],
                    "logprob": float(following[token]), "rollouts": len(drawn[i]), "solved": int(sum(by_action[i])),
                    "confidence": float(chances[i]), "advantage": int(signs[i]), "target": float(wanted[i]),
                    "replies": [decode(_whole(one, self.ends)) for one in drawn[i]], "rewards": by_action[i],
                }
                for i, token in enumerate(tokens)
            ],
        }  # fmt: skip

    def _draw(self, golden: Golden, given: int, token: int, step: int, sampler: Sampler) -> list[list[int]]:
        """Whole replies that begin as the golden one does and go on with a token; one where that ends the reply."""
        begun = [*golden.reply[:given], token]
        if token in self.ends:
            return [begun[:-1]]
        room = self.window - len(golden.prompt) - len(begun)
        most = min(max(2 * len(golden.reply) - len(begun), ROOM), room)
        seed = keyed_seed(self.seed, "rollouts", step, golden.task_hash, token)
        replies = sampler.sample([*golden.prompt, *begun], self.rollouts, most, seed).replies
        return [_whole([*begun, *one], self.ends) for one in replies]


def moved(line: Line, after: Sequence[float]) -> Line:
    """Return the line of traces that says what the sampler answers after an update.

    Args:
        line: of the visit.
        after: log-probability of each of its actions.
    """
    return {
        "kind": "update", "step": line["step"], "task_hash": line["task_hash"],
        "actions": [
            {"token": one["token"], "advantage": one["advantage"], "logprob": now, "moved": _share(one, now)}
            for one, now in zip(line["actions"], after, strict=True)
        ],
    }  # fmt: skip


def right_ways(lines: Sequence[Line]) -> Iterator[bool]:
    """Yield for each action with an advantage whether an update moved it that way; `lines` of visits and updates."""
    before = {(line["step"], line["task_hash"]): line["actions"] for line in lines if line["kind"] == "visit"}
    for line in lines:
        if line["kind"] == "update":
            for old, new in zip(before[line["step"], line["task_hash"]], line["actions"], strict=True):
                if old["advantage"]:
                    yield (new["logprob"] - old["logprob"]) * old["advantage"] > 0


def _share(action: dict[str, Any], now: float) -> float | None:
    """How far towards its target an action came; None where that is where it was."""
    way = np.log(max(action["target"], FLOOR)) - action["logprob"]
    return float((now - action["logprob"]) / way) if abs(way) > 1e-6 else None


def _actions(following: np.ndarray, golden: int) -> list[int]:
    likely = np.argsort(-following, kind="stable")[:TRIED].tolist()
    tried = [token for token in likely if following[token] > np.log(LEAST)]
    return tried if golden in tried else [*tried, golden]


def _whole(reply: list[int], ends: frozenset[int]) -> list[int]:
    return reply[:-1] if reply and reply[-1] in ends else reply


def _split(values: list[float], sizes: Sequence[int]) -> list[list[float]]:
    rest = iter(values)
    return [[next(rest) for _ in range(size)] for size in sizes]
