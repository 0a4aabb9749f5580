"""Does holding on to the base model's replies keep what a search solves? Protocol: docs/evidence.md, part 11.

    python experiments/evidence/retaining.py                 # measures what is missing, then writes the table
    python experiments/evidence/retaining.py --only-report   # writes it from experiments/evidence/results

Kill it at any time and give the same command again.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_WAIT_POLICY", "passive")

from typing import Annotated, Any

import typer
from bench import RUNS, Cells, loop_cell, put
from domains import BUDGET, COLUMNS, ITERATIONS, SETS, table

import soar

WORLDS = ((9, 14), (10, 15))  # domain and seed, of no earlier part
TASKS = 60
WAYS: dict[str, dict[str, Any]] = {"retained": {"retain": True}, "default": {}}


def main(
    only_report: Annotated[bool, typer.Option("--only-report", help="Measure nothing.")] = False,
) -> None:
    """Measure what is missing; write the tables."""
    cells = Cells("retaining")
    for number, seed in () if only_report else WORLDS:
        for way in WAYS:
            measure(cells, number, seed, way)
    seeds = [seed for _, seed in WORLDS]
    for name in SETS:
        wanted = [arm(name, way, k) for k in range(ITERATIONS + 1) for way in WAYS if k or way == "default"]
        put(f"retaining, {name}", ["", "worlds", *COLUMNS.values()], table(cells, wanted, seeds))


def arm(name: str, way: str, number: int) -> str:
    """`held-out, iteration 2, retained`"""
    return f"{name}, iteration {number}" + (f", {way}" if number else " (base model)")


def measure(cells: Cells, number: int, seed: int, way: str) -> None:
    """Run the loop of one world in one way, where a cell is missing."""
    arms = {(name, k): arm(name, way, k) for name in SETS for k in range(ITERATIONS + 1)}
    run = RUNS / f"retaining-{number}-{seed}-{way}"
    if not all(cells.get(one, seed) for one in arms.values()):
        searched, held_out = (soar.load_tasks(f"gym/domain-{number}/{half}")[:TASKS] for half in ("train", "held-out"))
        soar.iterate(
            searched, held_out=held_out, run=run, iterations=ITERATIONS, seed=seed, held_out_every=True, progress=True,
            **BUDGET, **WAYS[way],
        )  # fmt: skip
    for (name, k), one in arms.items():
        cells.measure(one, seed, loop_cell(run / SETS[name] / f"iteration-{k}" / "evaluation.json"))


if __name__ == "__main__":
    typer.run(main)
