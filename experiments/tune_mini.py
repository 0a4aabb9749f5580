"""Find training options for `mini`: search, hindsight, train with each setting, search again with other draws.

    python experiments/tune_mini.py runs/tune --setting learning_rate=3e-4,epochs=2 --setting per_task=10,rank=64

Each seed is a world of its own: first search, rows, training, second search; the base model is searched again as well,
with the draws of the second search. Tasks are ARC-AGI-1 training tasks, in the order of the hash of their content, past
those that `soar iterate` takes by default, so that what is chosen here can be measured there. Kill it at any time and
give the same command again: it goes on where it was. RUN/results.json has a row per seed and setting; the table printed
has the means.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import json
from contextlib import closing
from pathlib import Path
from typing import Annotated, Any

import typer
from datasets import load_from_disk
from rich.console import Console
from rich.table import Table

import soar
from soar.evaluation import Estimate, Evaluation, differences, evaluate, summarize
from soar.evolution.api import search
from soar.evolution.slices import readable_by_mini
from soar.hindsight import make_dataset
from soar.loop.config import LoopConfig
from soar.models.adapter import Adapter
from soar.models.mini import MiniModel
from soar.tasks.sets import TaskSet
from soar.training.config import TrainingConfig
from soar.training.job import train

BASE = "base"
ROWS = LoopConfig.for_model("mini", {}).hindsight.rows()
KS = (1, 8, 32)
SHOWN = ("sampled_pass@1", "sampled_pass@8", "sampled_pass@32", "mean_solved")
FIGURES = (*SHOWN, "oracle", "examples_solved")


def main(
    run: Annotated[Path, typer.Argument(help="Folder of searches, rows, adapters and results.")],
    setting: Annotated[
        list[str],
        typer.Option(help="What differs from mini's own: rank=32,epochs=1; of the rows: per_task=4,selection=greedy."),
    ],
    seeds: Annotated[int, typer.Option(help="Repetitions of everything.")] = 2,
    first: Annotated[int, typer.Option(help="Place of the first task, in the order of the hash.")] = 200,
    tasks: Annotated[int, typer.Option(help="Tasks that are searched and learned from.")] = 70,
    held_out: Annotated[int, typer.Option(help="Tasks that are searched only.")] = 71,
    samples: Annotated[int, typer.Option(help="Per task and search.")] = 32,
    refinements: Annotated[int, typer.Option(help="Per task and search.")] = 32,
    temperature: Annotated[float | None, typer.Option(help="Of all searches; without it, mini's.")] = None,
) -> None:
    """Tune."""
    rest = readable_by_mini(soar.load_tasks("arc-agi-1/training"))[first:]
    groups = {"learned": rest[:tasks], "held out": rest[tasks : tasks + held_out]}
    budget: dict[str, Any] = {"samples": samples, "refinements": refinements, "temperature": temperature}
    found: dict[str, dict[str, list[Evaluation]]] = {}
    report: list[dict[str, Any]] = []
    for seed in range(seeds):
        for text in [BASE, *setting]:
            adapter = None if text == BASE else learn(run / f"seed-{seed}", text, groups["learned"], budget, seed)
            places = run / f"seed-{seed}" / text
            for name, evaluation in again(groups, adapter, places, budget, seed).items():
                found.setdefault(text, {}).setdefault(name, []).append(evaluation)
                figures = {key: one.value for key, one in summarize([evaluation], FIGURES, KS).items() if one}
                report.append({"setting": text, "seed": seed, "tasks": name, **figures})
            if adapter is not None:
                report[-1].update(adapter.figures)
            (run / "results.json").write_text(json.dumps(report, indent=1) + "\n")
            Console(width=140).print(table(found))


def learn(folder: Path, text: str, tasks: TaskSet, budget: dict[str, Any], seed: int) -> Adapter:
    """Return an adapter trained with a setting, on rows of the first search; each is made once."""
    changes = dict(item.split("=") for item in text.split(","))
    of_rows = {name: changes.pop(name) for name in ROWS if name in changes}
    rows = folder / text / "rows"
    if not (rows / "dataset_info.json").exists():
        search(tasks, "mini", run=folder / "first", seed=seed, progress=False, **budget)
        made, counts = make_dataset(
            folder / "first", seed=seed, **LoopConfig.for_model("mini", {"hindsight": of_rows}).hindsight.rows()
        )
        print(counts)
        made.save_to_disk(rows)
    options = {name: json.loads(value) for name, value in changes.items()}
    config = TrainingConfig.for_model("mini", **{"seed": seed, **options})
    return train(load_from_disk(rows), "mini", folder / text / "adapter", config, progress=False)


def again(
    groups: dict[str, TaskSet], adapter: Adapter | None, folder: Path, budget: dict[str, Any], seed: int
) -> dict[str, Evaluation]:
    """Search both groups of tasks with draws that no first search had."""
    with closing(MiniModel()) as model:
        options: dict[str, Any] = {"seed": 1000 + seed, "adapter": adapter, "progress": False, **budget}
        return {name: evaluate(search(group, model, run=folder / name, **options)) for name, group in groups.items()}


def table(found: dict[str, dict[str, list[Evaluation]]]) -> Table:
    """Means over seeds and tasks in percent, with the interval of the difference from the base model."""
    made = Table("setting", "seeds", *(f"{name}: {figure}" for name in found[BASE] for figure in SHOWN))
    for text, by_group in found.items():
        cells: list[str] = []
        for name, mine in by_group.items():
            means, changes = summarize(mine, SHOWN, KS), differences(found[BASE][name][: len(mine)], mine, KS)
            cells += [cell(means[figure], None if text == BASE else changes[figure]) for figure in SHOWN]
        made.add_row(text, str(len(mine)), *cells)
    return made


def cell(mean: Estimate | None, change: Estimate | None) -> str:
    """`12.5% [-1.0%, +3.0%]`"""
    interval = f" [{change.low:+.1%}, {change.high:+.1%}]" if change else ""
    return f"{mean.value:.1%}{interval}" if mean else "-"


if __name__ == "__main__":
    typer.run(main)
