"""Train `mini`, the embedded model, from nothing (or from other weights) on generated tasks.

    python experiments/pretraining/pretrain_mini.py --out runs/mini
    python experiments/pretraining/pretrain_mini.py --out runs/large --size large --batch-tokens 131072 --steps 20000 \
        --minutes 9
    python experiments/pretraining/pretrain_mini.py --out runs/novice --corpus single-step --steps 1000

Kill it at any time, or stop it after some minutes, and give the same command again: it goes on from its last
checkpoint, and ends with the same weights. A GPU is used where there is one. The finished model lies in OUT/model in
the Hugging Face format; `--export` writes it from the last checkpoint. `metrics.jsonl` has the loss, the exact match on
generated tasks that were never trained on, and the solve rate on a slice of the ARC-AGI-1 training tasks.
"""

from __future__ import annotations

import os

# Threads wait awake for 0.3 ms: asleep at once they wake late, always awake they starve the processes that draw tasks.
os.environ.setdefault("GOMP_SPINCOUNT", "30000")
os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "8192")  # kernels of a hundred batch shapes stay

import ctypes
import itertools
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import torch
import typer
from corpus import BATCHES, Batch, Corpus, Source
from mini_evaluation import evaluate
from mini_training import (
    PEAK_RATES,
    Optimizer,
    Size,
    forget_after,
    initial_model,
    load_checkpoint,
    make_optimizers,
    record,
    remember,
    save_checkpoint,
    save_model,
    schedule,
    train_step,
    training_tokenizer,
)
from sources import SOURCES, CorpusName
from torch.utils.data import DataLoader
from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

from soar.core.process import available_cores, computes_bf16

LOG_EVERY = 25
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # malloc.h


def main(
    out: Annotated[Path, typer.Option(help="Folder of checkpoints, metrics and the finished model.")],
    steps: Annotated[int, typer.Option(help="Optimizer steps of the whole training; schedules divide it.")] = 8400,
    corpus: Annotated[
        CorpusName, typer.Option(help="everything: mini's; single-step: one step, no refinements: mini:novice's.")
    ] = CorpusName.everything,
    size: Annotated[Size, typer.Option(help="tiny 0.2, small 2.9, medium 10, large 25 million weights.")] = Size.small,
    batch_tokens: Annotated[int, typer.Option(help="Rows times padded length of a batch, at least 4096.")] = 8192,
    start_from: Annotated[Path | None, typer.Option("--from", help="Folder of weights to begin with.")] = None,
    seed: Annotated[int, typer.Option(help="Of weights and tasks.")] = 0,
    optimizer: Annotated[
        Optimizer | None,
        typer.Option(help="Of the matrices; muon, with bf16, where the hardware has that; else adamw."),
    ] = None,
    matrix_lr: Annotated[float | None, typer.Option(help="Its peak rate: 3e-3 with muon, 2e-3 with adamw.")] = None,
    other_lr: Annotated[float | None, typer.Option(help="Peak rate of embeddings and norms (AdamW): the same.")] = None,
    every: Annotated[int, typer.Option(help="Steps between checkpoints.")] = 250,
    evaluate_every: Annotated[int, typer.Option(help="Steps between evaluations; 0: none.")] = 1000,
    minutes: Annotated[float, typer.Option(help="Stop after this time, with a checkpoint.")] = float("inf"),
    workers: Annotated[int | None, typer.Option(help="Processes that draw tasks; 1, or all cores but one.")] = None,
    compiled: Annotated[bool, typer.Option("--compile", help="Use torch.compile: slow to start, then faster.")] = False,
    export: Annotated[bool, typer.Option("--export", help="Only write OUT/model from the last checkpoint.")] = False,
) -> None:
    """Train, evaluate now and then, save."""
    began = time.monotonic()
    keep_freed_memory()
    out.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(seed)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    given = {"steps": steps, "size": size, "batch_tokens": batch_tokens, "from": start_from and str(start_from)}
    kind = optimizer or (Optimizer.muon if computes_bf16() else Optimizer.adamw)
    matrix_lr, other_lr = matrix_lr or PEAK_RATES[kind], other_lr or PEAK_RATES[kind]
    given["corpus"] = corpus
    remember(out, {**given, "seed": seed, "optimizer": kind, "matrix_lr": matrix_lr, "other_lr": other_lr})
    tokenizer = training_tokenizer(out, start_from)
    model = initial_model(tokenizer, size, start_from).to(device)
    optimizers = make_optimizers(model, kind, matrix_lr, other_lr)
    step, losses = load_checkpoint(out, model, optimizers)
    if export or step == steps:
        save_model(out / "model", model, tokenizer)
        print(f"{out / 'model'}: the weights after {step} steps")
        return
    forget_after(out, step)
    print(f"{sum(p.numel() for p in model.parameters()):,} parameters, {len(tokenizer)} tokens, {device}, step {step}")
    drawers = workers or (1 if device.type == "cpu" else max(1, available_cores() - 1))
    source = SOURCES[corpus]
    texts = Corpus(tokenizer, seed, batch_tokens, steps, source, start=step // BATCHES)
    batches = batches_from(step, texts, drawers)
    forward = torch.compile(model, dynamic=True) if compiled else model
    training = Training(out, model, tokenizer, optimizers, steps, every, evaluate_every, began + 60 * minutes, source)
    step = training.run(step, losses, batches, forward)
    if step == steps:
        save_model(out / "model", model, tokenizer)
    else:
        print(f"stopped after {step} of {steps} steps; the same command goes on")


@dataclass(frozen=True, slots=True)
class Training:
    """What does not change from step to step; `deadline` is a reading of the monotonic clock."""

    out: Path
    model: LlamaForCausalLM
    tokenizer: PreTrainedTokenizerFast
    optimizers: list[torch.optim.Optimizer]
    steps: int
    every: int
    evaluate_every: int
    deadline: float
    source: Source

    def run(self, step: int, losses: list[torch.Tensor], batches: Iterator[Batch], forward: Any) -> int:
        """Go on after `step` steps until all are done or the time is over; return the steps done."""
        device, clock, tokens, bf16 = self.model.device, time.monotonic(), 0, computes_bf16()
        for ids, weights in batches:
            moved = torch.from_numpy(ids).to(device).long(), torch.from_numpy(weights).to(device).float()
            losses.append(train_step(forward, self.optimizers, *moved, schedule(step, self.steps), bf16))
            step, tokens = step + 1, tokens + ids.size
            last, late = step == self.steps, time.monotonic() > self.deadline
            if step % LOG_EVERY == 0 or last:
                loss, seconds = torch.stack(losses).mean().item(), time.monotonic() - clock
                record(self.out, {"step": step, "loss": loss, "tokens_per_second": round(tokens / seconds)})
                losses, tokens, clock = [], 0, time.monotonic()
            if step % self.every == 0 or last or late:
                save_checkpoint(self.out, self.model, self.optimizers, step, losses)
            if self.evaluate_every and (last or (step % self.evaluate_every == 0 and not late)):
                figures = evaluate(self.model, self.tokenizer, self.out / "evaluated", self.source)
                record(self.out, {"step": step, **figures})
                clock = time.monotonic()
            if last or late:
                break
        return step


def batches_from(step: int, corpus: Corpus, workers: int) -> Iterator[Batch]:
    """Yield the batches from this step on; the first pool may have been used in part."""
    # Without a collate function arrays would become tensors, which travel in /dev/shm: containers have little of it.
    options: dict[str, Any] = {"collate_fn": as_it_is, "worker_init_fn": end_with_parent}
    pools = DataLoader(corpus, batch_size=None, num_workers=workers, prefetch_factor=2, **options)
    return itertools.islice(itertools.chain.from_iterable(pools), step % BATCHES, None)


def keep_freed_memory() -> None:
    """Let glibc, where it is the C library, keep what a step frees for the next one: a fifth faster on a CPU."""
    libc = ctypes.CDLL(None)
    if hasattr(libc, "mallopt"):
        for option in (M_TRIM_THRESHOLD, M_MMAP_THRESHOLD):
            libc.mallopt(option, 2**31 - 1)


def end_with_parent(worker: int) -> None:
    """End this process when the training is killed: it would wait for ever for someone to read its last pool."""
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def as_it_is(pool: list[Batch]) -> list[Batch]:
    """Return the pool unchanged."""
    return pool


if __name__ == "__main__":
    typer.run(main)
