"""What refinement is worth, and who chooses what to refine: REx, at random, the best; four islands or one.

    python experiments/evidence/selection.py [--only-report]

128 completions a task in each arm, with the base model. Protocol and results: docs/evidence.md. Kill it at any time and
give the same command again.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_WAIT_POLICY", "passive")

from typing import Annotated, Any

import typer
from bench import REPEATED, RUNS, SEEDS, Cells, put_arms, search_cell, slices

FEW, MANY = {"samples": 32, "refinements": 96}, {"samples": 128, "refinements": 0}
REX = "REx, 4 islands (the paper's)"
ARMS: dict[str, dict[str, Any]] = {
    REX: FEW,
    "REx, 1 island": FEW | {"islands": 1},
    "Uniform, 4 islands": FEW | {"selector": "uniform"},
    "Best, 4 islands": FEW | {"selector": "best"},
    "samples alone": MANY,
}


def main(
    seeds: Annotated[int, typer.Option(help="Repetitions of everything.")] = REPEATED,
    only_report: Annotated[bool, typer.Option("--only-report", help="Measure nothing.")] = False,
) -> None:
    """Measure what is missing; write the table."""
    cells = Cells("selectors")
    if not only_report:
        tasks = slices().training
        for seed in SEEDS[:seeds]:
            for number, (arm, options) in enumerate(ARMS.items()):
                cells.measure(arm, seed, search_cell(tasks, RUNS / f"selectors-{seed}" / str(number), seed, **options))
    put_arms("selectors", [(arm, None if arm == REX else REX) for arm in ARMS], cells)


if __name__ == "__main__":
    typer.run(main)
