"""Policy gradients on groups of scored replies: the loss, and its steps. Runs in the training process."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from datasets import Dataset
from torch import Tensor
from transformers import Trainer, TrainingArguments

from soar.models.base import Prompt
from soar.models.tokens import encode_prompt
from soar.training.branches import IGNORED, Batch, Group, lay_out, length_of, same_as_rows, token_logprobs
from soar.training.config import TrainingConfig, TrainingError
from soar.training.encoding import VISITS, training_order
from soar.training.folder import last_checkpoint
from soar.training.methods.base import Emit, Figures, Policy
from soar.training.network import uses_bf16
from soar.training.retain import Retainer
from soar.training.steps import PADDED_TO, common_arguments
from soar.training.watcher import Watcher, figures_of

MOVED = 0.2  # by which a token's probability may have moved the way it should; beyond that it teaches nothing more
RATIO_PENALTY = 1e-3  # of log² of the ratio, which holds the policy near the one that drew


class Scored(NamedTuple):
    """Some replies of one group, and how much better than its mean each is.

    Attributes:
        temperature: at which they were drawn.
        visits: numbers in the order of training, where a teacher has drawn them; empty: the seed decides.
    """

    group: Group
    advantages: list[float]
    temperature: float
    visits: Sequence[int] = ()


def encode_groups(data: Any, tokenizer: Any, window: int, together: int) -> tuple[list[Scored], dict[str, int]]:
    """Return groups, cut into at most `together` replies each, and counts of what was left out.

    Advantages are rewards minus the group's mean (no division by its spread: Liu et al. 2025, arXiv 2503.20783). A
    group of equal rewards teaches nothing, nor does a reply with the mean reward.

    Raises:
        TrainingError: nothing is left.
    """
    found: list[Scored] = []
    too_long = equal = 0
    for row in data:
        prompt = encode_prompt(tokenizer, Prompt(tuple(row["prompt"]), row["prefill"]))
        mean = sum(row["rewards"]) / len(row["rewards"])
        scored = [(ids, one - mean) for ids, one in zip(row["replies"], row["rewards"], strict=True)]
        equal += max(row["rewards"]) == min(row["rewards"])
        fitting = [(ids, one) for ids, one in scored if len(prompt) + len(ids) <= window]
        too_long += len(scored) - len(fitting)
        taught = [(ids, one) for ids, one in fitting if abs(one) > 1e-9]
        for start in range(0, len(taught), together):
            replies, advantages = zip(*taught[start : start + together], strict=True)
            part = Group(prompt, list(replies))
            found.append(Scored(part, list(advantages), row["temperature"], row.get(VISITS) or ()))
    if not found:
        raise TrainingError(
            f"none of {len(data)} groups has replies of different rewards within {window} tokens: nothing can be "
            "learnt; sample more, take other tasks, or a smoother reward"
        )
    return found, {"groups": len(data), "groups_equal": equal, "rows_too_long": too_long}


def policy_loss(now: Tensor, drawn: Tensor, advantages: Tensor, penalty: float = RATIO_PENALTY) -> Tensor:
    """Return the loss of each token: -A·ρ + penalty·log²ρ, with the ratio ρ = π/μ.

    A token is dropped from the first term once its probability has moved by more than 0.2 the way A wants.

    Args:
        now, drawn: log-probabilities under the policy and under the one that drew, of one shape.
        advantages: of the same shape.
    """
    log_ratio = now - drawn
    moved = now.detach().exp() - drawn.exp()
    going = ~(((advantages > 0) & (moved > MOVED)) | ((advantages < 0) & (moved < -MOVED)))
    return -(going * advantages) * log_ratio.exp() + penalty * log_ratio.square()


class GroupTrainer(Trainer):  # type: ignore[misc]
    """Transformers' trainer with the loss of groups. It reads no more than `place`, the number of a part of a group."""

    loss_is_scaled_for_ga = True  # a sum over tokens, divided by the step's

    def __init__(
        self, policy: Policy, parts: Sequence[Scored], order: Sequence[int], retainer: Retainer | None,
        arguments: TrainingArguments, **options: Any,
    ) -> None:  # fmt: skip
        self.policy, self.parts, self.retainer = policy, parts, retainer
        self.together = same_as_rows(policy.network, max(parts, key=lambda one: len(one.group.replies)).group)
        self.drawn = self._drawn()
        size = arguments.gradient_accumulation_steps
        counts = [sum(map(len, parts[place].group.replies)) for place in order]
        self.tokens = [sum(counts[i : i + size]) for i in range(0, len(counts), size)]  # of each step
        rows = Dataset.from_dict({"place": list(order)})
        super().__init__(policy.network, arguments, data_collator=self._collate, train_dataset=rows, **options)

    def _batch(self, place: int) -> Batch:
        prompt, replies = self.parts[place].group
        one = [Group(prompt, replies)] if self.together else [Group(prompt, [reply]) for reply in replies]
        return lay_out(one, self.policy.pad, PADDED_TO)

    def _drawn(self) -> list[Tensor]:
        """What the policy that drew says of each token, at the temperature of that, computed as in training."""
        network, training = self.policy.network, self.policy.network.training
        network.eval()
        mixed = torch.autocast(network.device.type, torch.bfloat16, enabled=uses_bf16(self.policy.config))
        with torch.no_grad(), mixed:
            found = [
                token_logprobs(network, self._batch(place), part.temperature).cpu()
                for place, part in enumerate(self.parts)
            ]
        network.train(training)
        return found

    def _collate(self, rows: Sequence[dict[str, int]]) -> dict[str, Any]:
        (place,) = [row["place"] for row in rows]
        batch = self._batch(place)
        advantages = torch.tensor([*self.parts[place].advantages, 0.0])[batch.branch[:, 1:]]  # the last: -1, no reply
        return {
            **batch._asdict(), "drawn": self.drawn[place], "advantages": advantages,
            "temperature": self.parts[place].temperature,
        }  # fmt: skip

    def compute_loss(self, model: Any, inputs: dict[str, Any], *args: Any, **kwargs: Any) -> Tensor:
        """The share of a micro-batch in the mean over the tokens of its step."""
        batch = Batch(inputs["inputs"], inputs["labels"], inputs["branch"])
        now = token_logprobs(model, batch, inputs["temperature"])
        counted = batch.labels[:, 1:].to(now.device) != IGNORED
        each = policy_loss(now, inputs["drawn"], inputs["advantages"])
        step = self.state.global_step
        loss: Tensor = each[counted].sum() / self.tokens[step]
        if self.retainer is None:
            return loss
        return loss + self.retainer.penalty(model, step, self.current_gradient_accumulation_steps)


def visited(visits: Sequence[Sequence[int]]) -> list[int]:
    """Return the places of parts in the order of their visits; nothing where no teacher has drawn them."""
    return [place for _, place in sorted((visit, place) for place, some in enumerate(visits) for visit in some)]


def run_groups(policy: Policy, parts: Sequence[Scored], retainer: Retainer | None, folder: Path, emit: Emit) -> Figures:
    """Train the network on parts of groups, from the last checkpoint in `folder` if there is one; return figures."""
    config: TrainingConfig = policy.config
    emit(stage="asking the model that drew")
    lengths = [length_of(one.group) for one in parts]
    order = visited([part.visits for part in parts]) or training_order(lengths, config.epochs, 1, config.seed)
    accumulation = max(1, round(config.batch_size / config.micro_batch_size))
    counted = [sum(lengths[place] for place in order[i : i + accumulation]) for i in range(0, len(order), accumulation)]
    watcher = Watcher(folder, config.checkpoint_seconds, [0, *itertools.accumulate(counted)], emit)
    told = common_arguments(config, folder, accumulation, len(counted)) | {"per_device_train_batch_size": 1}
    arguments = TrainingArguments(**told, remove_unused_columns=False)
    trainer = GroupTrainer(policy, parts, order, retainer, arguments, callbacks=[watcher])
    checkpoint = last_checkpoint(folder)
    watcher.begin(int(checkpoint.name.partition("-")[2]) if checkpoint else 0)
    trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    return {"prompts_shared": trainer.together, **figures_of(watcher.curve, config)}
