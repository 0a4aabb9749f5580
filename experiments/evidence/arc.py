"""ARC-AGI-1 with the recipe that was found on domains. Protocol: docs/evidence.md.

    python experiments/evidence/arc.py                 # measures what is missing, then writes the tables
    python experiments/evidence/arc.py --only-report   # writes them from experiments/evidence/results

Kill it at any time and give the same command again.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_WAIT_POLICY", "passive")

from typing import Annotated, Any

import typer
from bench import RUNS, Cells, Slices, loop_cell, put, search_cell, slices
from domains import BUDGET, COLUMNS, ITERATIONS, SETS, measure, rows, table

import soar
from soar.evaluation import vote_runs
from soar.evolution.results import load_run

SEEDS = [13, 14]  # none of the earlier parts' nor of the trials'
TEST_TIME, TTT = 14, 2  # the seed of which test time is measured, once; and its rounds
TARGET = [
    "target, base model",
    *(f"target, test-time search {number}" for number in range(TTT + 1)),
    f"target, test-time searches 0 to {TTT}, one vote",
    "target, as many completions without learning",
]


def main(
    only_report: Annotated[bool, typer.Option("--only-report", help="Measure nothing.")] = False,
) -> None:
    """Measure what is missing; write the tables."""
    cells, tasks = Cells("arc"), slices()
    for seed in () if only_report else SEEDS:
        measure(cells, RUNS / f"arc-{seed}", tasks.training, tasks.held_out, seed)
    if not only_report:
        test_time(cells, tasks, TEST_TIME)
    for name in SETS:
        put(f"arc, {name}", ["", "seeds", *COLUMNS.values()], rows(cells, name, SEEDS))
    put("arc, target", ["", "seeds", *COLUMNS.values()], table(cells, TARGET, [TEST_TIME]))


def test_time(cells: Cells, tasks: Slices, seed: int) -> None:
    """Go on from the loop of a seed to the target tasks; search these without learning too."""
    run = RUNS / f"arc-{seed}"
    searches = {TARGET[0]: 1, TARGET[-1]: TTT + 1}
    for arm, times in searches.items():
        budget: dict[str, Any] = {name: times * number for name, number in BUDGET.items()}
        cells.measure(arm, seed, search_cell(tasks.target, RUNS / f"arc-target-{times}-{seed}", seed, **budget))
    if not all(cells.get(arm, seed) for arm in TARGET[1:-1]):
        soar.iterate(
            tasks.training, held_out=tasks.held_out, target=tasks.target, run=run, iterations=ITERATIONS, ttt=TTT,
            seed=seed, held_out_every=True, control=True, progress=True, **BUDGET,
        )  # fmt: skip
    for number, arm in enumerate(TARGET[1 : TTT + 2]):
        cells.measure(arm, seed, loop_cell(run / "target" / f"iteration-{number}" / "evaluation.json"))
    results = [load_run(run / "target", iteration=number) for number in range(TTT + 1)]
    cells.measure(TARGET[-2], seed, lambda: vote_runs(results).evaluation)


if __name__ == "__main__":
    typer.run(main)
