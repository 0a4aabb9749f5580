"""The updates of a training by single tokens: visits, a loss at every place visited so far, and what came of it.

Runs in the training process.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import smooth_l1_loss

from soar.core.seeding import keyed_rng
from soar.training.branches import Group, lay_out
from soar.training.folder import CHECKPOINTS, last_checkpoint
from soar.training.golden import Golden
from soar.training.methods.base import Emit, Figures, Policy
from soar.training.network import uses_bf16
from soar.training.redaction import Place, Visitor, moved, right_ways, still
from soar.training.retain import Retainer
from soar.training.samplers import Reload, Sampler
from soar.training.traces import Line, Traces
from soar.training.watcher import Watcher, figures_of

INNER, CLIP = 3, 1.0  # steps of the optimizer in one update, at most; norm that gradients are clipped to
BETAS = (0.0, 0.999)  # of AdamW: an update aims at targets of its own, so it takes no momentum along
OTHERS = 8  # golden solutions whose earlier targets are held in an update, beside those that are visited, at most
# KL alone does not see tokens below a hundredth: of these no more than 40% went where they should (docs/training.md).
LOGS, STRAIGHT, LOWEST = 0.2, 0.5, 1e-6  # weight of the distance in logarithms; nats from which on it grows evenly
REACHED = 0.1  # share of the loss at the start of an update that is little enough
STATE = "state.pt"


class Update(NamedTuple):
    """What the steps of one update came to: loss before, norm of the first gradient, tokens that were read."""

    loss: float
    norm: float
    tokens: int


def place_loss(logits: Tensor, tokens: Sequence[int], wanted: Sequence[float]) -> Tensor:
    """Return KL(target || policy) at one place, over the tokens that have a target and all others together, and a
    share of how far log-probabilities are from their targets' (Huber's distance, mean over the tokens that have one).

    Args:
        logits: of the next token, [vocabulary].
        tokens: with a target of their own.
        wanted: their probabilities; what they lack to 1 is the others'.
    """
    chosen = torch.tensor(tokens, device=logits.device)
    every = logits.float().logsumexp(0)
    others = logits.float().index_fill(0, chosen, -torch.inf).logsumexp(0)
    found = torch.cat([logits.float()[chosen], others[None]]) - every
    target = torch.tensor([*wanted, max(1 - sum(wanted), 0.0)], device=logits.device)
    apart = smooth_l1_loss(found[:-1], target[:-1].clamp_min(LOWEST).log(), beta=STRAIGHT)
    loss: Tensor = (torch.special.xlogy(target, target) - target * found).sum() + LOGS * apart
    return loss


@dataclass
class TokenTrainer:
    """Learns golden solutions from their ends.

    Attributes:
        goldens: one of each task.
        reload: gives a sampler with the weights in a folder.
        retainer: holds on to other replies.
        folder: of the training.
    """

    policy: Policy
    goldens: Sequence[Golden]
    visitor: Visitor
    reload: Reload
    retainer: Retainer | None
    folder: Path
    traces: Traces

    def __post_init__(self) -> None:
        config = self.policy.config
        self.places = {one.task_hash: Place(len(one.reply)) for one in self.goldens}
        if config.gradient_checkpointing:
            self.policy.network.gradient_checkpointing_enable()
            self.policy.network.enable_input_require_grads()
        self.weights = [one for one in self.policy.network.parameters() if one.requires_grad]
        self.optimizer = torch.optim.AdamW(self.weights, config.learning_rate, BETAS, weight_decay=config.weight_decay)
        self.steps = config.epochs * -(-len(self.goldens) // config.batch_size)

    def run(self, emit: Emit) -> Figures:
        """Train from the last checkpoint to the end; return figures."""
        config = self.policy.config
        first = self._resume()
        watcher = Watcher(self.folder, config.checkpoint_seconds, [0] * (self.steps + 1), emit)
        watcher.begin(first)
        for line in watcher.curve:
            watcher.tokens[line["step"]] = line["tokens"]
        emit(stage="sampling")
        sampler = self._sampler()
        for step in range(first + 1, self.steps + 1):
            visits = [self._visit(one, step, sampler) for one in self._drawn(step)]
            trained = [(golden, line) for golden, line in visits if not still(line)]
            update = self._update(step, self._held(step, visits) if trained else [])
            if trained:
                sampler = self._sampler()
                for golden, line in trained:
                    self.traces.add(moved(line, self._ask(golden, line, sampler)))
            watcher.tokens[step] = watcher.tokens[step - 1] + update.tokens
            self._tell(watcher, step, update, [line for _, line in visits])
        return self._figures(watcher)

    def _drawn(self, step: int) -> list[Golden]:
        """The golden solutions of a step: each comes once in an epoch, in an order of its own."""
        config = self.policy.config
        epoch, part = divmod(step - 1, self.steps // config.epochs)
        order = keyed_rng(config.seed, "order", epoch).permutation(len(self.goldens))
        return [self.goldens[i] for i in order[part * config.batch_size : (part + 1) * config.batch_size]]

    def _held(self, step: int, visits: Sequence[tuple[Golden, Line]]) -> list[Golden]:
        """The solutions that were visited, and some of the others, whose targets should not be lost meanwhile."""
        visited = [golden for golden, _ in visits]
        others = [one for one in self.goldens if one not in visited and self.places[one.task_hash].anchors]
        drawn = keyed_rng(self.policy.config.seed, "held", step).permutation(len(others))[:OTHERS]
        return visited + [others[i] for i in sorted(drawn)]

    def _visit(self, golden: Golden, step: int, sampler: Sampler) -> tuple[Golden, Line]:
        place = self.places[golden.task_hash]
        line = self.traces.find("visit", step, golden.task_hash)
        if line is None or line["redacted"] != place.k or line["length"] != place.length:
            line = self.visitor.visit(golden, place.k, step, sampler)
        self.traces.add(line)
        place.note(line)
        return golden, line

    def _update(self, step: int, goldens: Sequence[Golden]) -> Update:
        """Step towards the targets, at all places of these solutions that were visited, until nearly there."""
        if not goldens:
            return Update(0.0, 0.0, 0)
        size = self.policy.config.micro_batch_size
        for group in self.optimizer.param_groups:
            group["lr"] = self._rate(step)
        parts = [goldens[i : i + size] for i in range(0, len(goldens), size)]
        losses: list[float] = []
        norms: list[float] = []
        for inner in range(INNER):
            loss = 0.0
            for part in parts:
                loss += self._backward(part, len(goldens), step * INNER + inner, len(parts))
            losses.append(loss)
            if inner and loss <= REACHED * losses[0]:
                self.optimizer.zero_grad()
                break
            norms.append(float(torch.nn.utils.clip_grad_norm_(self.weights, CLIP)))
            self.optimizer.step()
            self.optimizer.zero_grad()
        tokens = sum(len(one.prompt) + len(one.reply) for one in goldens)
        return Update(losses[0], norms[0], tokens * len(losses))

    def _backward(self, part: Sequence[Golden], count: int, draw: int, parts: int) -> float:
        """Add the gradients of some of an update's solutions; return their share of its loss."""
        network, config = self.policy.network, self.policy.config
        batch = lay_out([Group(one.prompt, [one.reply]) for one in part], self.policy.pad)
        inputs = {name: one.to(network.device) for name, one in batch.inputs.items()}
        with torch.autocast(network.device.type, torch.bfloat16, enabled=uses_bf16(config)):
            logits = network(**inputs, use_cache=False).logits
        at = [
            place_loss(logits[row, len(one.prompt) - 1 + given], *wanted)
            for row, one in enumerate(part)
            for given, wanted in sorted(self.places[one.task_hash].anchors.items())
        ]
        loss = torch.stack(at).sum() / count
        whole = loss if self.retainer is None else loss + self.retainer.penalty(network, draw, parts)
        whole.backward()
        return float(loss)

    def _ask(self, golden: Golden, line: Line, sampler: Sampler) -> list[float]:
        now = sampler.sample([*golden.prompt, *golden.reply[: line["given"]]], 0, 0, 0).next
        return [now[one["token"]] for one in line["actions"]]

    def _sampler(self) -> Sampler:
        """The server with the weights as they are."""
        place = self.folder / CHECKPOINTS / "served"
        self.policy.network.save_pretrained(place)
        return self.reload(place)

    def _tell(self, watcher: Watcher, step: int, update: Update, lines: Sequence[Line]) -> None:
        state, control = SimpleNamespace(global_step=step, max_steps=self.steps), SimpleNamespace(should_save=False)
        logs = {
            "loss": update.loss, "learning_rate": self._rate(step), "grad_norm": update.norm,
            "value": sum(line["value"] for line in lines) / len(lines), "redacted": self._redacted(),
        }  # fmt: skip
        watcher.on_log(None, state, control, logs)
        watcher.on_step_end(None, state, control)
        if control.should_save:
            place = self.folder / CHECKPOINTS / f"checkpoint-{step}"
            place.mkdir(parents=True, exist_ok=True)
            trained = [one.detach() for one in self.weights]
            torch.save({"weights": trained, "optimizer": self.optimizer.state_dict()}, place / STATE)
            watcher.on_save(SimpleNamespace(output_dir=self.folder / CHECKPOINTS), state, control)

    def _resume(self) -> int:
        """Take up the last checkpoint; return its step. Where each solution stood follows from the traces."""
        found = last_checkpoint(self.folder)
        if found is None:
            return 0
        step, held = int(found.name.partition("-")[2]), torch.load(found / STATE, weights_only=True)
        with torch.no_grad():
            for one, then in zip(self.weights, held["weights"], strict=True):
                one.copy_(then)
        self.optimizer.load_state_dict(held["optimizer"])
        for line in self.traces.until(step):
            if line["kind"] == "visit":
                self.places[line["task_hash"]].note(line)
        return step

    def _rate(self, step: int) -> float:
        config = self.policy.config
        return config.learning_rate * min(1.0, step / max(config.warmup * self.steps, 1.0))

    def _redacted(self) -> float:
        """Share of the golden solutions that is taken away, mean over them."""
        return sum(one.k / one.length for one in self.places.values()) / len(self.places)

    def _figures(self, watcher: Watcher) -> Figures:
        lines = self.traces.until(self.steps)
        visits, ways = [line for line in lines if line["kind"] == "visit"], list(right_ways(lines))
        return {
            "visits": len(visits), "rollouts": sum(one["rollouts"] for line in visits for one in line["actions"]),
            "advantages": len(ways), "moved_right": sum(ways) / len(ways) if ways else None,
            "redacted": self._redacted(), **figures_of(watcher.curve, self.policy.config),
        }  # fmt: skip


def decoder(tokenizer: Any) -> Any:
    """What makes text of the ids of a reply, as models do."""
    return lambda ids: tokenizer.decode(ids, skip_special_tokens=False, clean_up_tokenization_spaces=False)


def ends_of(source: str, golden: Golden) -> frozenset[int]:
    """Return the tokens that end a reply: those of the model's settings, and the one that is learnt."""
    file = Path(source) / "generation_config.json"
    ends = json.loads(file.read_text(encoding="utf-8")).get("eos_token_id") if file.exists() else None
    return frozenset({golden.reply[-1], *(ends if isinstance(ends, list) else [] if ends is None else [ends])})
