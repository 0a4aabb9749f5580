"""ARC-AGI-1 with the recipe that was found on domains. Protocol: docs/evidence.md.

    python experiments/evidence/arc.py                 # measures what is missing, then writes the tables
    python experiments/evidence/arc.py --only-report   # writes them from experiments/evidence/results

Kill it at any time and give the same command again.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_WAIT_POLICY", "passive")

from typing import Annotated

import typer
from bench import RUNS, Cells, put, slices
from domains import COLUMNS, SETS, measure, rows

SEEDS = [13]  # none of the earlier parts' nor of the trials'


def main(
    only_report: Annotated[bool, typer.Option("--only-report", help="Measure nothing.")] = False,
) -> None:
    """Measure what is missing; write the tables."""
    cells, tasks = Cells("arc"), slices()
    for seed in () if only_report else SEEDS:
        measure(cells, RUNS / f"arc-{seed}", tasks.training, tasks.held_out, seed)
    for name in SETS:
        put(f"arc, {name}", ["", "seeds", *COLUMNS.values()], rows(cells, name, SEEDS))


if __name__ == "__main__":
    typer.run(main)
