"""Preference training: pairs of replies, the loss on them, and its steps. Runs in the training process."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from torch import Tensor
from torch.nn.functional import logsigmoid
from transformers import Trainer, TrainingArguments

from soar.models.base import Prompt
from soar.models.tokens import encode_reply
from soar.training.branches import Batch, Group, lay_out, length_of, reply_logprobs, same_as_rows
from soar.training.config import TrainingConfig, TrainingError
from soar.training.encoding import training_order
from soar.training.folder import last_checkpoint
from soar.training.methods.base import Emit, Figures, Policy
from soar.training.network import uses_bf16
from soar.training.retain import Retainer
from soar.training.steps import PADDED_TO, common_arguments
from soar.training.watcher import Watcher, figures_of


def encode_pairs(data: Any, tokenizer: Any, window: int) -> tuple[list[Group], int]:
    """Return each pair as a prompt and two replies, the better first, and how many were left out: their prompt and
    longer reply are longer than `window`.

    Raises:
        TrainingError: none is left.
    """
    found = []
    for row in data:
        prompt = Prompt(tuple(row["prompt"]), row["prefill"])
        before, chosen = encode_reply(tokenizer, prompt, row["chosen"])
        found.append(Group(before, [chosen, encode_reply(tokenizer, prompt, row["rejected"])[1]]))
    fitting = [one for one in found if len(one.prompt) + max(map(len, one.replies)) <= window]
    if not fitting:
        raise TrainingError(f"every pair has a reply that ends beyond {window} tokens: nothing is left to train on")
    return fitting, len(found) - len(fitting)


def preference_loss(
    logprobs: Tensor, reference: Tensor, lengths: Tensor, beta: float, sft_weight: float
) -> tuple[Tensor, Tensor]:
    """Return loss and margin of each pair, [pairs].

    -log σ(margin), with the margin β((log π - log π₀)(chosen) - (log π - log π₀)(rejected)) (DPO, Rafailov et al. 2023,
    equation 7); and `sft_weight` times the mean loss of the chosen reply's tokens (α of Pang et al. 2024,
    arXiv 2404.19733).

    Args:
        logprobs: of both replies under the policy, [pairs, 2], the better first.
        reference: the same under the policy's start.
        lengths: tokens of the chosen replies, [pairs].
    """
    moved = logprobs - reference
    margin = beta * (moved[:, 0] - moved[:, 1])
    return -logsigmoid(margin) - sft_weight * logprobs[:, 0] / lengths, margin


class Pairs:
    """Pairs as the network takes them: both replies behind one prompt where it can (`soar.training.branches`)."""

    def __init__(self, network: Any, groups: Sequence[Group], pad: int) -> None:
        self.groups, self.pad = groups, pad
        self.together = same_as_rows(network, groups[0])

    def batch(self, places: Sequence[int], multiple: int = 1) -> Batch:
        """Return the pairs at these places, replies numbered pair by pair, the better first."""
        some = [self.groups[place] for place in places]
        if not self.together:
            some = [Group(prompt, [reply]) for prompt, replies in some for reply in replies]
        return lay_out(some, self.pad, multiple)

    def logprobs(self, network: Any, config: TrainingConfig) -> Tensor:
        """Return the log-probability of every reply, [pairs, 2], computed as in training, without gradients."""
        training = network.training
        network.eval()
        mixed = torch.autocast(network.device.type, torch.bfloat16, enabled=uses_bf16(config))
        size = config.micro_batch_size
        with torch.no_grad(), mixed:
            found = [
                reply_logprobs(network, self.batch(range(i, min(i + size, len(self.groups))))).cpu()
                for i in range(0, len(self.groups), size)
            ]
        network.train(training)
        return torch.cat(found).view(-1, 2)


class PairTrainer(Trainer):  # type: ignore[misc]
    """Transformers' trainer with the loss of pairs. It reads no more than `place`, a pair's number."""

    loss_is_scaled_for_ga = False  # a mean over the micro-batch

    def __init__(
        self, policy: Policy, pairs: Pairs, retainer: Retainer | None, arguments: TrainingArguments, **options: Any
    ) -> None:
        self.policy, self.pairs, self.retainer = policy, pairs, retainer
        self.reference = pairs.logprobs(policy.network, policy.config)
        self.noted: list[tuple[float, float]] = []  # share of margins above 0, mean margin
        super().__init__(policy.network, arguments, data_collator=self._collate, **options)

    def _collate(self, rows: Sequence[dict[str, int]]) -> dict[str, Any]:
        places = [row["place"] for row in rows]
        batch = self.pairs.batch(places, PADDED_TO)
        lengths = torch.tensor([len(self.pairs.groups[place].replies[0]) for place in places])
        return {**batch._asdict(), "reference": self.reference[places], "lengths": lengths}

    def compute_loss(self, model: Any, inputs: dict[str, Any], *args: Any, **kwargs: Any) -> Tensor:
        """The mean loss of a micro-batch's pairs."""
        batch = Batch(inputs["inputs"], inputs["labels"], inputs["branch"])
        logprobs = reply_logprobs(model, batch).view(-1, 2)
        config = self.policy.config
        each, margins = preference_loss(
            logprobs, inputs["reference"], inputs["lengths"], config.beta, config.sft_weight
        )
        self.noted.append((float((margins > 0).float().mean()), float(margins.detach().mean())))
        loss: Tensor = each.mean()
        if self.retainer is None:
            return loss
        parts: int = self.current_gradient_accumulation_steps  # by which what is returned is divided
        return loss + parts * self.retainer.penalty(model, self.state.global_step, parts)

    def log(self, logs: dict[str, float], *args: Any, **kwargs: Any) -> None:
        """Tell how many margins are above 0, and how large they are on average."""
        if self.noted:
            right, margin = (sum(one) / len(self.noted) for one in zip(*self.noted, strict=True))
            logs |= {"right": right, "margin": margin}
            self.noted.clear()
        super().log(logs, *args, **kwargs)


def run_preference(
    policy: Policy, groups: Sequence[Group], retainer: Retainer | None, folder: Path, emit: Emit
) -> Figures:
    """Train the network on pairs, from the last checkpoint in `folder` if there is one; return figures."""
    config, size = policy.config, policy.config.micro_batch_size
    emit(stage="asking the model at its start")
    pairs = Pairs(policy.network, groups, policy.pad)
    lengths = [length_of(one) for one in groups]
    order = training_order(lengths, config.epochs, size, config.seed)
    accumulation = max(1, round(config.batch_size / size))
    counted = [sum(lengths[place] for place in order[i : i + size * accumulation])
               for i in range(0, len(order), size * accumulation)]  # fmt: skip
    watcher = Watcher(folder, config.checkpoint_seconds, [0, *itertools.accumulate(counted)], emit)
    arguments = TrainingArguments(
        **common_arguments(config, folder, accumulation, len(counted)), remove_unused_columns=False
    )
    rows = Dataset.from_dict({"place": order})
    trainer = PairTrainer(policy, pairs, retainer, arguments, train_dataset=rows, callbacks=[watcher])
    checkpoint = last_checkpoint(folder)
    watcher.begin(int(checkpoint.name.partition("-")[2]) if checkpoint else 0)
    trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    last = watcher.curve[-1]
    return {
        "prompts_shared": pairs.together, "margin": last["margin"], "right": last["right"],
        **figures_of(watcher.curve, config),
    }  # fmt: skip
