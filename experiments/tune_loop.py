"""Find out how the rounds of the loop should learn from each other: several rounds with each setting, on tuning tasks.

    python experiments/tune_loop.py runs/loops --setting scope=current --setting scope=all,selection=greedy,epochs=3

Tasks and seeds are those of tune_mini.py, which finds the options of a single training. Settings are options of
hindsight, of the loop, of search and of training. Kill it at any time and give the same command again: it goes on where
it was. RUN/results.json has a row per seed, setting, round and group of tasks.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

import soar
from soar.core.options import Options
from soar.evolution.slices import readable_by_mini
from soar.loop.config import HindsightConfig, LoopConfig
from soar.training.config import TrainingConfig

FIGURES = ("sampled_pass@1", "pass@1", "mean_solved", "oracle", "examples_solved")


def main(
    run: Annotated[Path, typer.Argument(help="Folder of a loop for each setting and seed, and of the results.")],
    setting: Annotated[
        list[str], typer.Option(help="What differs from mini's own: scope=all,selection=greedy,epochs=1.")
    ],
    seeds: Annotated[int, typer.Option(help="Repetitions of everything.")] = 1,
    rounds: Annotated[int, typer.Option(help="Of search and training; a last search follows.")] = 3,
    first: Annotated[int, typer.Option(help="Place of the first task, in the order of the hash.")] = 200,
    tasks: Annotated[int, typer.Option(help="Tasks that are searched and learned from.")] = 70,
    held_out: Annotated[int, typer.Option(help="Tasks that are searched only.")] = 71,
    model: Annotated[str, typer.Option(help="mini, or mini:FOLDER of other weights.")] = "mini",
) -> None:
    """Tune."""
    rest = readable_by_mini(soar.load_tasks("arc-agi-1/training"))[first:]
    found: list[dict[str, Any]] = []
    for seed in range(seeds):
        for text in setting:
            given = dict(item.split("=") for item in text.split(","))
            of_rows, of_loop = taken(given, HindsightConfig), taken(given, LoopConfig)
            options = {name: json.loads(value) for name, value in given.items()}
            report = soar.iterate(
                rest[:tasks], model, held_out=rest[tasks : tasks + held_out], run=run / text / f"seed-{seed}",
                seed=seed, iterations=rounds, samples=32, refinements=32, progress=False,
                **of_loop, hindsight=of_rows, training=TrainingConfig.for_model("mini", seed=seed, **options),
            )  # fmt: skip
            Console(width=160).print(text, report)
            for one in report.rounds:
                figures = {
                    name: value.value for name, value in one.evaluation.summary.items() if value and name in FIGURES
                }
                found.append({"setting": text, "seed": seed, "tasks": one.set, "round": one.number, **figures})
            (run / "results.json").write_text(json.dumps(found, indent=1) + "\n")


def taken(given: dict[str, str], options: type[Options]) -> dict[str, Any]:
    """Take those that are options of a kind out of what was given."""
    return {name: given.pop(name) for name in list(given) if name in options.model_fields}


if __name__ == "__main__":
    typer.run(main)
