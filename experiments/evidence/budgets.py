"""Does moving refinements between tasks save completions, or stopping where a task is solved? With the base model.

    python experiments/evidence/budgets.py [--only-report]

Protocol and results: docs/evidence.md. Kill it at any time and give the same command again.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_WAIT_POLICY", "passive")

from collections.abc import Sequence
from typing import Annotated, Any

import typer
from bench import PAGE, REPEATED, RUNS, SEEDS, Cells, put, search_cell, slices, text
from matplotlib.figure import Figure

from soar.evaluation import Estimate, summarize
from soar.evaluation.plots import COLOURS

SHARES = ((8, 8), (16, 16), (32, 32), (16, 48), (16, 112))
WAYS: dict[str, dict[str, Any]] = {
    "fixed": {},
    "adaptive": {"budget": "adaptive"},
    "early stop": {"early_stop": 4, "samples_per_request": 8},  # mini's 32 at once would leave nothing to stop
}
ARMS = [
    *((way, *share) for share in SHARES for way in ("fixed", "adaptive")),
    ("fixed", 64, 64),
    ("early stop", 32, 32),
    ("early stop", 64, 64),
]
FIGURES = ("tasks_solved", "mean_solved", "oracle")


def main(
    seeds: Annotated[int, typer.Option(help="Repetitions of everything.")] = REPEATED,
    only_report: Annotated[bool, typer.Option("--only-report", help="Measure nothing.")] = False,
) -> None:
    """Measure what is missing; write table and figure."""
    cells = Cells("budgets")
    if not only_report:
        tasks = slices().training
        for seed in SEEDS[:seeds]:
            for way, samples, refinements in ARMS:
                arm = f"{way} {samples}+{refinements}"
                run = RUNS / f"budgets-{seed}" / arm.replace(" ", "-")
                options = {"samples": samples, "refinements": refinements, **WAYS[way]}
                cells.measure(arm, seed, search_cell(tasks, run, seed, **options))
    report(cells)


def report(cells: Cells) -> None:
    """Write the table, and draw what is solved by completions."""
    found = {arm: list(by_seed.values()) for arm, by_seed in cells.arms().items()}
    rows, points = [], []
    for arm, mine in found.items():
        means = summarize(mine, FIGURES)
        each = [row for one in mine for row in one.per_task]
        spent = sum(row.completions for row in each) / len(each)
        rows.append([arm, str(len(mine)), f"{spent:.1f}", *map(text, means.values())])
        points.append((arm.rpartition(" ")[0], spent, means["tasks_solved"]))
    put(
        "budgets",
        ["budget, samples+refinements", "seeds", "completions per task", "tasks solved", "mean", "oracle"],
        rows,
    )
    if points:
        draw(points)


def draw(points: Sequence[tuple[str, float, Estimate | None]]) -> None:
    """Draw tasks solved by completions spent, a colour for each way of spending them."""
    figure = Figure(figsize=(7.5, 4.2), layout="constrained")
    axes = figure.add_subplot()
    for way, colour in zip(WAYS, COLOURS, strict=False):
        mine = [(spent, 100 * solved.value) for name, spent, solved in points if name == way and solved]
        axes.scatter([spent for spent, _ in mine], [solved for _, solved in mine], color=colour, label=way)
    axes.set(xlabel="completions made per task", ylabel="tasks solved by the vote, %")
    axes.set_xscale("log", base=2)
    axes.legend(frameon=False)
    figure.savefig(PAGE.parent / "evidence" / "budgets.svg", metadata={"Date": None})


if __name__ == "__main__":
    typer.run(main)
