"""The steps of a training: TRL's trainer, its checkpoints, what it tells. Runs in the training process."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from trl import SFTConfig, SFTTrainer, pack_dataset
from trl.trainer.sft_trainer import DataCollatorForLanguageModeling

from soar.training.branches import Group, group_rows, lay_out, prompt_length, same_as_rows
from soar.training.config import TrainingConfig, TrainingError
from soar.training.encoding import grouped_order, training_order
from soar.training.folder import CHECKPOINTS, last_checkpoint
from soar.training.methods.base import Policy
from soar.training.network import uses_bf16, uses_packing
from soar.training.retain import Retainer
from soar.training.watcher import Watcher, figures_of

PADDED_TO = 64  # tokens; each new shape costs a CPU some time under bf16, so there are few


@dataclass
class Unmasked(DataCollatorForLanguageModeling):  # type: ignore[misc]
    """Rows padded on the right, without an attention mask.

    No token of a causal model sees what follows it, and padding counts in no loss. Without a mask attention takes its
    quick way.
    """

    def torch_call(self, examples: list[dict[str, Any]]) -> dict[str, Any]:
        """Return input_ids, labels and position_ids, each [rows, length]."""
        batch: dict[str, Any] = super().torch_call(examples)
        shape = batch.pop("attention_mask").shape
        return batch | {"position_ids": torch.arange(shape[1]).repeat(shape[0], 1)}


@dataclass
class Shared:
    """Rows as one sequence for each prompt among them, see `soar.training.branches`."""

    pad: int

    def __call__(self, examples: list[dict[str, Any]]) -> dict[str, Any]:
        """Return input_ids, position_ids and labels [prompts, length], and the mask where replies share a prompt."""
        batch = lay_out(group_rows(examples), self.pad, PADDED_TO)
        return batch.inputs | {"labels": batch.labels}


class Trainer(SFTTrainer):  # type: ignore[misc]
    """TRL's trainer, which writes no model card, and adds to the loss what holds on to the base model."""

    retainer: Retainer | None = None

    def compute_loss(self, model: Any, *args: Any, **kwargs: Any) -> Any:
        """The loss of a micro-batch: a share of the step's, which is the sum over its micro-batches."""
        loss = super().compute_loss(model, *args, **kwargs)
        if self.retainer is None:
            return loss
        penalty = self.retainer.penalty(model, self.state.global_step, self.current_gradient_accumulation_steps)
        self._metrics["train"]["retain"].append(penalty.item() * self.current_gradient_accumulation_steps)
        return loss + penalty

    def create_model_card(self, *args: Any, **kwargs: Any) -> None:
        """Nothing: `soar.json` says what the adapter is."""


def run_steps(
    policy: Policy, rows: Any, retainer: Retainer | None, config: TrainingConfig, folder: Path,
    send: Callable[..., None],
) -> dict[str, Any]:  # fmt: skip
    """Train the network on encoded rows, from the last checkpoint in `folder` if there is one; return figures."""
    network = policy.network
    packing = uses_packing(config) and not config.share_prompts
    if config.share_prompts:
        _check_sharing(network, rows)
    packed = pack_dataset(rows.remove_columns("length"), max(rows["length"])) if packing else rows
    lengths = [len(ids) for ids in packed["input_ids"]] if packing else rows["length"]
    order = _order(rows, lengths, config)
    rows_per_batch = config.micro_batch_size * len(rows) / len(packed)
    accumulation = max(1, round(config.batch_size / rows_per_batch))
    per_step = config.micro_batch_size * accumulation
    cumulated = [0, *itertools.accumulate(lengths[index] for index in order)]
    tokens = [*cumulated[::per_step], *([cumulated[-1]] if (len(cumulated) - 1) % per_step else [])]
    steps = len(tokens) - 1
    unpacked = Shared(policy.pad) if config.share_prompts else Unmasked(policy.pad, pad_to_multiple_of=PADDED_TO)
    collate = None if packing else unpacked
    watcher = Watcher(folder, config.checkpoint_seconds, tokens, send)
    trainer = Trainer(
        network, _arguments(config, folder, accumulation, steps, packing), train_dataset=packed.select(order),
        data_collator=collate, processing_class=policy.tokenizer, callbacks=[watcher],
    )  # fmt: skip
    trainer.retainer = retainer
    checkpoint = last_checkpoint(folder)
    watcher.begin(int(checkpoint.name.partition("-")[2]) if checkpoint else 0)
    trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    return {"packing": packing, **figures_of(watcher.curve, config)}


def _order(rows: Any, lengths: list[int], config: TrainingConfig) -> list[int]:
    if not config.share_prompts:
        return training_order(lengths, config.epochs, config.micro_batch_size, config.seed)
    prompts = [tuple(row["input_ids"][: prompt_length(row["labels"])]) for row in rows]
    return grouped_order(prompts, config.epochs, config.micro_batch_size, config.seed)


def _check_sharing(network: Any, rows: Any) -> None:
    group = max(group_rows(rows.select(range(min(len(rows), 64)))), key=lambda one: len(one.replies))
    if not same_as_rows(network, Group(group.prompt, group.replies[:4])):
        raise TrainingError("share_prompts: this model's attention does not let replies share a prompt; leave it out")


def _arguments(config: TrainingConfig, folder: Path, accumulation: int, steps: int, packing: bool) -> SFTConfig:
    return SFTConfig(
        **common_arguments(config, folder, accumulation, steps),
        max_length=None,
        padding_free=packing,
        pad_to_multiple_of=PADDED_TO,
        dataset_kwargs={"skip_prepare_dataset": True},
    )


def common_arguments(config: TrainingConfig, folder: Path, accumulation: int, steps: int) -> dict[str, Any]:
    """Return what every trainer is told.

    All epochs are one pass over rows that lie in the order wanted: a resumed training need not redraw any.
    """
    cuda = torch.cuda.is_available()
    return {
        "output_dir": str(folder / CHECKPOINTS),
        "num_train_epochs": 1,
        "per_device_train_batch_size": config.micro_batch_size,
        "gradient_accumulation_steps": accumulation,
        "train_sampling_strategy": "sequential",
        "learning_rate": config.learning_rate,
        "lr_scheduler_type": "cosine",
        "warmup_steps": round(config.warmup * steps),
        "weight_decay": config.weight_decay,
        "bf16": uses_bf16(config),
        "use_cpu": not cuda,
        "dataloader_pin_memory": cuda,
        "gradient_checkpointing": config.gradient_checkpointing,
        "logging_steps": 1,
        "logging_nan_inf_filter": False,
        "save_strategy": "no",  # the watcher asks for checkpoints
        "save_total_limit": 2,
        "report_to": "none",
        "disable_tqdm": True,
        "seed": config.seed,
    }
