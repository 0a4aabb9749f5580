"""What the stages of the paper's experiment take: hours, GPU hours, hours of a CPU core, disk; see `paper.py`."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import soar
from soar.core.errors import SoarError
from soar.evolution.run_folder import RunFolder

PEAK = 989e12  # floating-point operations a second: H100 SXM, bf16, dense; NVIDIA's data sheet
READING, WRITING, LEARNING = 0.35, 0.15, 0.35  # shares of it that are assumed to be reached
PROGRAMS = 255  # a second and core, and
ATTEMPTS = 2032  # that hindsight reads a second: both measured, docs/log.md
PER_TASK = 50  # rows of a kind
EPOCHS = 3
BYTES_OF_ROW = 4 * 2.5  # of a token: its text, and that of the program beside it


@dataclass(frozen=True, slots=True)
class Rates:
    """What is known of model and machine.

    Attributes:
        generate: tokens of replies a second, all GPUs of a search together; None: by floating-point operations.
        learn: tokens a second of a training; None: likewise.
        reply, sampled, refined: tokens of a reply, of a sampling prompt, of a refinement prompt (means).
        stored: bytes of an attempt in the archive.
        source: where they are from.
    """

    generate: float | None
    learn: float | None
    reply: float
    sampled: float
    refined: float
    stored: float
    source: str

    def told(self, parameters: float) -> str:
        """What the table is made from, in a line or two."""
        by_hand = f"assumed: {WRITING:.0%} of an H100's peak where it writes, {READING:.0%} where it reads or learns"
        rate = f"{self.generate:,.0f} tokens/s" if self.generate else by_hand
        learnt = f"{self.learn:,.0f} tokens/s" if self.learn else f"assumed: {LEARNING:.0%} of an H100's peak"
        lengths = f"replies {self.reply:,.0f} tokens, prompts {self.sampled:,.0f} and {self.refined:,.0f}"
        return f"Search: {rate}. Training: {learnt}. {lengths}, {self.stored:,.0f} bytes an attempt: {self.source}."


# Prompts: means over the 400 training tasks, docs/models.md. A reply of 600 tokens is assumed there too. It is stored
# twice (reply, program), at four bytes a token, with about 1 kB of outputs.
ASSUMED = Rates(None, None, 600, 2200, 3841, 5800, "docs/models.md, not measured with this model")


@dataclass(frozen=True, slots=True)
class Stage:
    """A stage of the experiment: hours on the clock, hours of GPUs and of CPU cores, bytes that it leaves."""

    SUMMED: ClassVar = ("hours", "gpu_hours", "core_hours", "disk")
    name: str
    what: str
    hours: float
    gpu_hours: float
    core_hours: float
    disk: float


def stages_of(
    options: dict[str, Any], tasks: int, parameters: float, gpus: int, adapter: float, rates: Rates
) -> list[Stage]:
    """Return all stages in the order of the loop.

    Args:
        options: of the loop.
        tasks: of each of the two sets.
        parameters: of the model.
        gpus: that a search runs on; a training runs on one, as in the paper.
        adapter: bytes of its matrices.
        rates: of model and machine.
    """

    def searched(name: str) -> Stage:
        return search(name, options, tasks, parameters, gpus, rates)

    def trained(name: str, sampled: int, refined: int) -> list[Stage]:
        attempts = tasks * (options["samples"] + options["refinements"])
        return [
            hindsight(name, attempts, sampled, refined, rates),
            training(name, sampled, refined, parameters, adapter, rates),
        ]

    rows = tasks * PER_TASK
    stages = []
    for number in range(options["iterations"]):
        stages += [searched(f"search {number}"), *trained(f"{number}", rows, rows)]
    stages.append(searched(f"search {options['iterations']}"))
    if options["ttt"]:
        stages += trained("of all iterations", rows, rows)
        stages.append(searched("test-time search 0"))
        for number in range(options["ttt"]):
            stages += [*trained(f"test time {number}", 2 * rows, rows), searched(f"test-time search {number + 1}")]
    return stages


def search(name: str, options: dict[str, Any], tasks: int, parameters: float, gpus: int, rates: Rates) -> Stage:
    """A search: tokens written, prompts read (the engine keeps the prefix within a request), programs run beside it."""
    samples, refinements = options["samples"], options["refinements"]
    completions = tasks * (samples + refinements)
    written = completions * rates.reply
    read = tasks * (
        samples / options["samples_per_request"] * rates.sampled
        + refinements / options["refinements_per_request"] * rates.refined
    )
    if rates.generate:
        hours = written / rates.generate / 3600  # as measured: with the prompts that were read meanwhile
    else:
        work = 2 * parameters * (written / WRITING + read / READING)
        hours = work / PEAK / gpus / 3600
    told = f"{completions:,} programs, {written / 1e6:,.0f} M tokens written, {read / 1e6:,.0f} M read"
    return Stage(name, told, hours, hours * gpus, completions / PROGRAMS / 3600, completions * rates.stored)


def hindsight(name: str, attempts: int, sampled: int, refined: int, rates: Rates) -> Stage:
    """Rows made of attempts, on one CPU core."""
    hours = attempts / ATTEMPTS / 3600
    tokens = sampled * (rates.sampled + rates.reply) + refined * (rates.refined + rates.reply)
    return Stage(f"hindsight {name}", f"up to {sampled + refined:,} rows", hours, 0, hours, tokens * BYTES_OF_ROW)


def training(name: str, sampled: int, refined: int, parameters: float, adapter: float, rates: Rates) -> Stage:
    """A training on one GPU: each token of each row goes forward and back, once an epoch.

    6 operations a parameter and token: forward 2, again in the backward pass 2 (activations are recomputed), and 2 for
    the gradients, which stop at the LoRA matrices.
    """
    tokens = EPOCHS * (sampled * (rates.sampled + rates.reply) + refined * (rates.refined + rates.reply))
    hours = (tokens / rates.learn if rates.learn else 6 * parameters * tokens / PEAK / LEARNING) / 3600
    return Stage(f"training {name}", f"{EPOCHS} epochs, {tokens / 1e6:,.0f} M tokens", hours, hours, 0, adapter)


def adapter_bytes(hidden: int, layers: int, intermediate: int, keys: int, rank: int) -> float:
    """Return the size of LoRA matrices in 32 bits on all seven projections: rank × (inputs + outputs) of each."""
    attention = 2 * (hidden + hidden) + 2 * (hidden + keys)
    feed_forward = 3 * (hidden + intermediate)
    return 4.0 * rank * layers * (attention + feed_forward)


def measured_search(run: Path) -> Rates:
    """Return what a run of the model says: tokens a second between its first and last answer, lengths, sizes."""
    folder = RunFolder(run)
    if not folder.archive.exists():
        raise SoarError(f"{run} holds no run to measure by: give the folder of a search")
    with closing(sqlite3.connect(f"{folder.archive.absolute().as_uri()}?mode=ro", uri=True)) as archive:
        prompts = dict(archive.execute("SELECT phase, AVG(prompt_tokens) FROM request GROUP BY phase").fetchall())
        first, last = archive.execute("SELECT MIN(created), MAX(created) FROM request").fetchone()
        completions, tokens = archive.execute("SELECT COUNT(*), TOTAL(tokens) FROM completion").fetchone()
    if not tokens or last <= first:
        raise SoarError(f"{run} has too few requests to measure by: search some tasks with more samples")
    size = sum(path.stat().st_size for path in folder.path.glob("archive.sqlite*"))
    return replace(
        ASSUMED, generate=tokens / (last - first), reply=tokens / completions, stored=size / completions,
        sampled=prompts.get("sample", ASSUMED.sampled), refined=prompts.get("refine", ASSUMED.refined),
        source=f"measured in {run}",
    )  # fmt: skip


def measured_training(adapter: Path) -> float:
    """Return the tokens a second of the training that made an adapter."""
    return float(soar.Adapter.load(adapter).figures["tokens_per_second"])
