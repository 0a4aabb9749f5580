"""Does the loop help a model that was trained less? The loop of learning.py with earlier weights of `mini`.

    python experiments/pretrain_mini.py --out runs/early    # about two hours; stop it between steps 5,000 and 6,000
    python experiments/evidence/early.py [--only-report]

Protocol and results: docs/evidence.md. Kill it at any time and give the same command again.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_WAIT_POLICY", "passive")

from pathlib import Path
from typing import Annotated

import typer
from bench import BASE, HELD_OUT, NAMES, REPEATED, RUNS, SEEDS, Cells, measure_loop, put_arms, slices


def main(
    weights: Annotated[Path, typer.Option(help="Folder of the earlier weights.")] = Path("runs/early/evaluated"),
    seeds: Annotated[int, typer.Option(help="Repetitions of everything.")] = REPEATED,
    only_report: Annotated[bool, typer.Option("--only-report", help="Measure nothing.")] = False,
) -> None:
    """Measure what is missing; write the tables."""
    cells = Cells("early")
    if not only_report:
        tasks = slices()
        for seed in SEEDS[:seeds]:
            measure_loop(cells, tasks, RUNS / f"early-{seed}", seed, f"mini:{weights.absolute()}")
    put_arms("early, training", [(arm, BASE if number else None) for number, arm in NAMES.items()], cells)
    put_arms("early, held-out", HELD_OUT, cells)


if __name__ == "__main__":
    typer.run(main)
