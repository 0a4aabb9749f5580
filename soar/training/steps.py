"""The steps of a training: TRL's trainer, its checkpoints, what it tells. Runs in the training process."""

from __future__ import annotations

import itertools
import json
import resource
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import TrainerCallback
from trl import SFTConfig, SFTTrainer, pack_dataset
from trl.trainer.sft_trainer import DataCollatorForLanguageModeling

from soar.training.config import TrainingConfig
from soar.training.encoding import training_order
from soar.training.folder import CHECKPOINTS, COMPLETE, CURVE, last_checkpoint
from soar.training.network import uses_bf16, uses_packing

PADDED_TO = 64  # tokens; each new shape costs a CPU some time under bf16, so there are few
LEAST_BETWEEN = 20  # times what writing a checkpoint took


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


class Trainer(SFTTrainer):  # type: ignore[misc]
    """TRL's trainer, which writes no model card."""

    def create_model_card(self, *args: Any, **kwargs: Any) -> None:
        """Nothing: `soar.json` says what the adapter is."""


class Watcher(TrainerCallback):  # type: ignore[misc]
    """Writes the curve, tells of each step, asks for checkpoints.

    Args:
        folder: of the training.
        every: least seconds between two checkpoints.
        tokens: seen after each optimizer step, from 0, padding not counted.
        send: takes what is to be told.
    """

    def __init__(self, folder: Path, every: float, tokens: list[int], send: Callable[..., None]) -> None:
        self.folder, self.every, self.tokens, self.send = folder, every, tokens, send
        self.curve: list[dict[str, Any]] = []
        self.saving = 0.0

    def begin(self, step: int) -> None:
        """Start the clock after `step` steps; keep the part of the curve that came before."""
        path = self.folder / CURVE
        lines = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
        self.curve = [line for line in lines if line["step"] <= step]
        path.write_text("".join(json.dumps(line) + "\n" for line in self.curve))
        self.first = step
        self.seconds_before = self.curve[-1]["seconds"] if self.curve else 0.0
        self.started = self.saved = time.monotonic()

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any], **kwargs: Any) -> None:
        """Add a line to the curve."""
        if "loss" not in logs:  # the trainer's summary at its end
            return
        step, seconds = state.global_step, time.monotonic() - self.started
        line = {
            "step": step, "steps": state.max_steps, "loss": logs["loss"], "learning_rate": logs["learning_rate"],
            "gradient_norm": logs["grad_norm"], "token_accuracy": logs.get("mean_token_accuracy"),
            "tokens": self.tokens[step], "seconds": self.seconds_before + seconds,
            "tokens_per_second": (self.tokens[step] - self.tokens[self.first]) / seconds,
        }  # fmt: skip
        self.curve.append(line)
        with (self.folder / CURVE).open("a") as file:
            file.write(json.dumps(line) + "\n")
        self.send(**line, left=seconds * (state.max_steps - step) / (step - self.first))

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Ask for a checkpoint when it is time for one."""
        passed = time.monotonic() - self.saved
        if passed >= max(self.every, LEAST_BETWEEN * self.saving) and state.global_step < state.max_steps:
            control.should_save = True
            self.asked = time.monotonic()

    def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Mark the checkpoint as complete."""
        (Path(args.output_dir) / f"checkpoint-{state.global_step}" / COMPLETE).touch()
        self.saved = time.monotonic()
        self.saving = self.saved - self.asked


def run_steps(
    network: Any, tokenizer: Any, rows: Any, config: TrainingConfig, folder: Path, send: Callable[..., None]
) -> dict[str, Any]:
    """Train the network on encoded rows, from the last checkpoint in `folder` if there is one; return figures."""
    packing = uses_packing(config)
    packed = pack_dataset(rows.remove_columns("length"), max(rows["length"])) if packing else rows
    lengths = [len(ids) for ids in packed["input_ids"]] if packing else rows["length"]
    order = training_order(lengths, config.epochs, config.micro_batch_size, config.seed)
    rows_per_batch = config.micro_batch_size * len(rows) / len(packed)
    accumulation = max(1, round(config.batch_size / rows_per_batch))
    per_step = config.micro_batch_size * accumulation
    cumulated = [0, *itertools.accumulate(lengths[index] for index in order)]
    tokens = [*cumulated[::per_step], *([cumulated[-1]] if (len(cumulated) - 1) % per_step else [])]
    steps = len(tokens) - 1
    pad = tokenizer.eos_token_id if tokenizer.pad_token_id is None else tokenizer.pad_token_id
    collate = None if packing else Unmasked(pad, pad_to_multiple_of=PADDED_TO)
    watcher = Watcher(folder, config.checkpoint_seconds, tokens, send)
    trainer = Trainer(
        network, _arguments(config, folder, accumulation, steps, packing), train_dataset=packed.select(order),
        data_collator=collate, processing_class=tokenizer, callbacks=[watcher],
    )  # fmt: skip
    checkpoint = last_checkpoint(folder)
    watcher.begin(int(checkpoint.name.partition("-")[2]) if checkpoint else 0)
    trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    return {"packing": packing, **_figures(watcher.curve, config)}


def _arguments(config: TrainingConfig, folder: Path, accumulation: int, steps: int, packing: bool) -> SFTConfig:
    """All epochs are one pass over rows that lie in the order wanted: a resumed training need not redraw any."""
    cuda = torch.cuda.is_available()
    return SFTConfig(
        output_dir=str(folder / CHECKPOINTS),
        num_train_epochs=1,
        per_device_train_batch_size=config.micro_batch_size,
        gradient_accumulation_steps=accumulation,
        train_sampling_strategy="sequential",
        learning_rate=config.learning_rate,
        lr_scheduler_type="cosine",
        warmup_steps=round(config.warmup * steps),
        weight_decay=config.weight_decay,
        bf16=uses_bf16(config),
        use_cpu=not cuda,
        dataloader_pin_memory=cuda,
        gradient_checkpointing=config.gradient_checkpointing,
        max_length=None,
        padding_free=packing,
        pad_to_multiple_of=PADDED_TO,
        dataset_kwargs={"skip_prepare_dataset": True},
        logging_steps=1,
        logging_nan_inf_filter=False,
        save_strategy="no",  # the watcher asks for checkpoints
        save_total_limit=2,
        report_to="none",
        disable_tqdm=True,
        seed=config.seed,
    )


def _figures(curve: list[dict[str, Any]], config: TrainingConfig) -> dict[str, Any]:
    tenth = -(-len(curve) // 10)
    cuda = torch.cuda.is_available()
    peak = torch.cuda.max_memory_allocated() if cuda else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return {
        "steps": len(curve),
        "first_loss": sum(line["loss"] for line in curve[:tenth]) / tenth,
        "last_loss": sum(line["loss"] for line in curve[-tenth:]) / tenth,
        "tokens": curve[-1]["tokens"],
        "seconds": curve[-1]["seconds"],
        "tokens_per_second": curve[-1]["tokens"] / curve[-1]["seconds"],
        "peak_memory_mb": round(peak / 2**20),
        "device": torch.cuda.get_device_name() if cuda else f"CPU, {torch.get_num_threads()} threads",
        "precision": "bf16" if uses_bf16(config) else "fp32",
    }
