"""Which attempts are worth learning from? SOAR's tables 2 and 3 on `mini`. Protocol and results: docs/evidence.md.

    python experiments/evidence/rows.py [--only-report]

Rows by each selection of the first search of learning.py, an adapter from each, and a second search with other draws.
Kill it at any time and give the same command again.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_WAIT_POLICY", "passive")

from dataclasses import replace
from functools import partial
from typing import Annotated, Any

import typer
from bench import REPEATED, RUNS, SEEDS, Cells, Slices, learned, put_arms, search_cell, slices

SELECTIONS = {  # arm -> the paper's figure (14B, 3,000 samples on the training set)
    "no learning": "29.29",
    "correct-only": "34.67",
    "uniform": "32.38",
    "greedy": "34.30",
    "greedy-diverse": "36.46",
    "correct-only, augmented": "",
    "greedy-diverse, inputs moved": "",
}
REFINEMENTS = {  # arm -> the paper's figure (14B, 3,000 + 3,000)
    "no learning": "34.83",
    "no refinement rows": "",
    "uniform refinement rows": "42.67",
    "diverse refinement rows": "42.88",
}
PLAIN = {"augment": 0, "per_task": 4}  # four of each kind: ten, mini's default, would more than double most trainings
OPTIONS: dict[str, dict[str, Any]] = {
    **{name: PLAIN | {"selection": name} for name in ("correct-only", "uniform", "greedy", "greedy-diverse")},
    "correct-only, augmented": PLAIN | {"augment": 8},
    "greedy-diverse, inputs moved": PLAIN | {"selection": "greedy-diverse", "move_inputs": True},
    "no refinement rows": PLAIN | {"refinement": "none"},
    "uniform refinement rows": PLAIN | {"refinement": "uniform"},
    "diverse refinement rows": PLAIN | {"refinement": "diverse"},
}


def main(
    seeds: Annotated[int, typer.Option(help="Repetitions of everything.")] = REPEATED,
    only_report: Annotated[bool, typer.Option("--only-report", help="Measure nothing.")] = False,
) -> None:
    """Measure what is missing; write the tables."""
    cells = {name: Cells(f"rows-{name}") for name in ("training", "held-out")}
    if not only_report:
        tasks = slices()
        for seed in SEEDS[:seeds]:
            measure(cells, tasks, seed)
    for name, group in cells.items():
        for title, arms in (("selection", SELECTIONS), ("refinement", REFINEMENTS)):
            put_arms(
                f"{title}, {name}",
                [(arm, None if arm == "no learning" else "no learning") for arm in arms],
                group,
                arms,
            )


def measure(cells: dict[str, Cells], tasks: Slices, seed: int) -> None:
    """Learn from one search in each way, and search again."""
    groups = {"training": tasks.training, "held-out": tasks.held_out}
    for arm in dict.fromkeys([*SELECTIONS, *REFINEMENTS]):
        place = RUNS / f"rows-{seed}" / arm.replace(" ", "-")
        missing = [name for name in groups if not cells[name].get(arm, seed)]
        adapter = learned(place, seed, 0, **OPTIONS[arm]) if missing and arm in OPTIONS else None
        for name in missing:
            known = cells[name].of_adapter(adapter.name if adapter else None, seed)
            again = search_cell(groups[name], place / name, 1000 + seed, adapter=adapter)
            cells[name].measure(arm, seed, partial(replace, known, label=arm) if known else again)


if __name__ == "__main__":
    typer.run(main)
