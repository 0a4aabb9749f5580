"""Repeat the paper's experiment (SOAR, Pourcel, Colas, Oudeyer, ICML 2025), or see first what it would take.

    python experiments/paper.py --dry-run                       # all five models: time, GPU hours, disk, by stage
    python experiments/paper.py 7B --dry-run --measured RUN --trained ADAPTER --dollars 2.5
    python experiments/paper.py 7B --run runs/paper-7b          # run it; killed, the same command goes on
    python experiments/paper.py 7B --run runs/trial --model mini --limit 4 --samples 8 --refinements 8 --iters 1 --ttt 0

Settings are the authors': 3,000 + 3,000 programs a task and search, four searches of the 400 training tasks with three
trainings between them, then an adapter from the rows of all of them, and two test-time iterations on the 400 evaluation
tasks. What a stage takes is computed in `paper_cost.py` from what RUN and ADAPTER measured; where nothing was measured,
from the assumptions that are printed with the table. Early stop (100 programs that solve a task's examples) makes
searches shorter; the table does not count on it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import typer
from paper_cost import ASSUMED, Rates, Stage, adapter_bytes, measured_search, measured_training, stages_of
from rich.console import Console
from rich.table import Table

import soar
from soar.core.errors import SoarError

TRAINING, EVALUATION = "arc-agi-1/training", "arc-agi-1/evaluation"


@dataclass(frozen=True, slots=True)
class Setting:
    """A model of the paper.

    Attributes:
        model: name of its weights.
        parameters: in billions.
        hidden, layers, intermediate, keys: widths of its layers (keys: of keys and values together with all their
            heads) and their number, as its configuration says them.
        rank: of the LoRA matrices (paper: 256, and 64 for the largest).
        quantized: whether the base is kept in 4 bits while it is trained (paper: above 14B).
        gpus: of 80 GB that a search runs on: the fewest, as a power of two, whose memory the weights in bf16 fill to
            60% at most.
    """

    model: str
    parameters: float
    hidden: int
    layers: int
    intermediate: int
    keys: int
    rank: int = 256
    quantized: bool = False
    gpus: int = 1

    @property
    def served(self) -> str:
        """The model as `soar` names it: on so many GPUs, with room for the adapter."""
        parallel = f" --tensor-parallel-size {self.gpus}" if self.gpus > 1 else ""
        return f"vllm:{self.model}{parallel} --max-lora-rank {self.rank}"

    def training(self, model: str) -> soar.TrainingConfig:
        """The options of a training; of `mini`, which stands in for a model in trials, its own."""
        if model == "mini":
            return soar.TrainingConfig.for_model(model)
        return soar.TrainingConfig.for_model(model, rank=self.rank, quantize=self.quantized)


SETTINGS = {
    "7B": Setting("Qwen/Qwen2.5-Coder-7B-Instruct", 7.6, 3584, 28, 18944, 512),
    "14B": Setting("Qwen/Qwen2.5-Coder-14B-Instruct", 14.8, 5120, 48, 13824, 1024),
    "32B": Setting("Qwen/Qwen2.5-Coder-32B-Instruct", 32.8, 5120, 64, 27648, 1024, quantized=True, gpus=2),
    "72B": Setting("Qwen/Qwen2.5-72B-Instruct", 72.7, 8192, 80, 29568, 1024, quantized=True, gpus=4),
    "123B": Setting(
        "mistralai/Mistral-Large-Instruct-2407", 122.6, 12288, 88, 28672, 1024, rank=64, quantized=True, gpus=8
    ),
}
OPTIONS: dict[str, Any] = {
    "iterations": 3,
    "ttt": 2,
    "samples": 3000,
    "refinements": 3000,
    "samples_per_request": 50,
    "refinements_per_request": 4,
    "islands": 4,
    "early_stop": 100,
    "rex_c": 20,
    "vote_c": 1000,
    "temperature": 1.0,
    "min_p": 0.05,
    "hindsight": {"selection": "greedy-diverse", "refinement": "diverse", "per_task": 50},
}


def main(
    size: Annotated[
        str | None, typer.Argument(help=f"One of {', '.join(SETTINGS)}; with --dry-run all, if none.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what each stage would take.")] = False,
    run: Annotated[Path | None, typer.Option(help="Folder of all that is made.")] = None,
    pool: Annotated[list[Path] | None, typer.Option(help="Run of another model, whose rows join at test time.")] = None,
    model: Annotated[str | None, typer.Option(help="Another model in the place of the paper's, for a trial.")] = None,
    limit: Annotated[int | None, typer.Option(help="Tasks of each set, for a trial.", min=1)] = None,
    samples: Annotated[int | None, typer.Option(help="Per task and search (paper: 3,000).", min=0)] = None,
    refinements: Annotated[int | None, typer.Option(help="Per task and search (paper: 3,000).", min=0)] = None,
    iters: Annotated[int | None, typer.Option(help="Trainings between searches (paper: 3).", min=0)] = None,
    ttt: Annotated[int | None, typer.Option(help="Test-time iterations (paper: 2).", min=0)] = None,
    measured: Annotated[Path | None, typer.Option(help="A run of this model, to take rates and sizes from.")] = None,
    trained: Annotated[Path | None, typer.Option(help="An adapter of this model, to take the rate from.")] = None,
    generate: Annotated[
        float | None, typer.Option(help="Tokens of replies a second, all GPUs together.", min=1)
    ] = None,
    learn: Annotated[float | None, typer.Option(help="Tokens a second of a training.", min=1)] = None,
    dollars: Annotated[float | None, typer.Option(help="Per GPU hour: prints what it costs.", min=0)] = None,
) -> None:
    """Run the paper's experiment for one model, or say what it would take."""
    if size is not None and size not in SETTINGS:
        raise SoarError(f"{size!r} is no model of the paper: give one of {', '.join(SETTINGS)}")
    given = {"samples": samples, "refinements": refinements, "iterations": iters, "ttt": ttt}
    options = OPTIONS | {name: value for name, value in given.items() if value is not None}
    if dry_run:
        rates = rates_of(measured, trained, generate, learn)
        for name in [size] if size else SETTINGS:
            show(name, estimate(SETTINGS[name], options, rates, limit or 400), rates, dollars)
        return
    if size is None or run is None:
        raise SoarError("name a model and a folder: paper.py 7B --run runs/paper-7b; or look first: --dry-run")
    print(reproduce(SETTINGS[size], options, run, model, limit, pool or []))


def reproduce(
    setting: Setting, options: dict[str, Any], run: Path, model: str | None, limit: int | None, pool: list[Path]
) -> soar.LoopReport:
    """Run the loop with these options; what is there already in the folder is not run again."""
    from soar.evolution.slices import shuffled

    tasks, target = (shuffled(soar.load_tasks(name))[:limit] for name in (TRAINING, EVALUATION))
    named = model or setting.served
    training = setting.training(named)
    target_tasks = target if options["ttt"] else None
    return soar.iterate(
        tasks, named, target=target_tasks, run=run, training=training, pool=pool, drop_overlap=True, **options
    )


def rates_of(measured: Path | None, trained: Path | None, generate: float | None, learn: float | None) -> Rates:
    """What is known of a machine: what was given, else measured, else assumed."""
    rates = ASSUMED if measured is None else measured_search(measured)
    if trained is not None:
        rates = replace(rates, learn=measured_training(trained))
    return replace(rates, generate=generate or rates.generate, learn=learn or rates.learn)


def estimate(setting: Setting, options: dict[str, Any], rates: Rates, tasks: int) -> list[Stage]:
    """The stages of the experiment, with what each takes."""
    matrices = adapter_bytes(setting.hidden, setting.layers, setting.intermediate, setting.keys, setting.rank)
    return stages_of(options, tasks, setting.parameters * 1e9, setting.gpus, matrices, rates)


def show(name: str, stages: list[Stage], rates: Rates, dollars: float | None) -> None:
    """Print the table of a model."""
    setting = SETTINGS[name]
    table = Table(title=f"{name}: {setting.model}, searched on {setting.gpus} GPU, trained on 1", title_justify="left")
    for column in ("stage", "what"):
        table.add_column(column)
    for column in ("hours", "GPU hours", "CPU core hours", "disk, GB", *(["dollars"] if dollars else [])):
        table.add_column(column, justify="right")
    total = Stage("all", "", *(sum(getattr(one, figure) for one in stages) for figure in Stage.SUMMED))
    for one in [*stages, total]:
        cells = [f"{value:,.1f}" for value in (one.hours, one.gpu_hours, one.core_hours, one.disk / 1e9)]
        cost = [f"{one.gpu_hours * dollars:,.0f}"] if dollars else []
        table.add_row(one.name, one.what, *cells, *cost, end_section=one is stages[-1])
    console = Console(width=140)
    console.print(table)
    console.print(f"weights: {2 * setting.parameters:,.0f} GB more. {rates.told(setting.parameters * 1e9)}\n")


if __name__ == "__main__":
    from soar.cli.main import main as command_main

    app = typer.Typer(add_completion=False)
    app.command()(main)
    command_main(typer.main.get_command(app))
