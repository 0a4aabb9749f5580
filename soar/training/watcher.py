"""What a training tells while it runs, its checkpoints, and its figures. Runs in the training process."""

from __future__ import annotations

import json
import resource
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from transformers import TrainerCallback

from soar.training.config import TrainingConfig
from soar.training.folder import COMPLETE, CURVE
from soar.training.network import uses_bf16

SAID = ("retain", "right", "margin", "value", "redacted")  # what some methods tell of a step besides
LEAST_BETWEEN = 20  # times what writing a checkpoint took


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
        line |= {name: logs[name] for name in SAID if name in logs}
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


def figures_of(curve: list[dict[str, Any]], config: TrainingConfig) -> dict[str, Any]:
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
