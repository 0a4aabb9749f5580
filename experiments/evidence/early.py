"""Does the loop help a model that was trained less? Loops with earlier weights of `mini`, and with the shipped ones.

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
from bench import EACH_ROUND, HELD_OUT, REPEATED, RUNS, SEEDS, Cells, measure_loop, put_arms, slices

ROWS = {"selection": "greedy-diverse", "per_task": 8, "augment": 8, "move_inputs": True}  # best for the earlier ones
WEIGHTS = ("earlier", "shipped")


def main(
    weights: Annotated[Path, typer.Option(help="Folder of the earlier weights.")] = Path("runs/early/evaluated"),
    seeds: Annotated[int, typer.Option(help="Repetitions of everything.")] = REPEATED,
    only_report: Annotated[bool, typer.Option("--only-report", help="Measure nothing.")] = False,
) -> None:
    """Measure what is missing; write the tables."""
    cells = {name: Cells(f"early-{name}") for name in WEIGHTS}
    if not only_report:
        tasks = slices()
        for seed in SEEDS[:seeds]:
            for name, model in zip(WEIGHTS, (f"mini:{weights.absolute()}", "mini"), strict=True):
                measure_loop(cells[name], tasks, RUNS / f"early-{seed}" / name, seed, model, hindsight=ROWS)
    for name in WEIGHTS:
        put_arms(f"{name} weights", [*EACH_ROUND, *HELD_OUT], cells[name])


if __name__ == "__main__":
    typer.run(main)
