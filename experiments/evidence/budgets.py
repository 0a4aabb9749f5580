"""Does moving refinements between tasks save completions? `AdaptiveBudget` against `FixedBudget`, with the base model.

    python experiments/evidence/budgets.py [--only-report]

Protocol and results: docs/evidence.md. Kill it at any time and give the same command again.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_WAIT_POLICY", "passive")

from typing import Annotated

import typer
from bench import PAGE, RUNS, SEEDS, Cells, put, search_cell, slices, text
from matplotlib.figure import Figure

from soar.evaluation import Evaluation, summarize
from soar.plots import COLOURS

SHARES = ((8, 8), (16, 16), (32, 32), (64, 64), (16, 48), (16, 112))
BUDGETS = ("fixed", "adaptive")


def main(
    seeds: Annotated[int, typer.Option(help="Repetitions of everything.")] = len(SEEDS),
    only_report: Annotated[bool, typer.Option("--only-report", help="Measure nothing.")] = False,
) -> None:
    """Measure what is missing; write table and figure."""
    cells = Cells("budgets")
    if not only_report:
        tasks = slices().training
        for seed in SEEDS[:seeds]:
            for samples, refinements in SHARES:
                for budget in BUDGETS:
                    arm, run = (
                        f"{budget} {samples}+{refinements}",
                        RUNS / f"budgets-{seed}" / f"{budget}-{samples}-{refinements}",
                    )
                    options = {"samples": samples, "refinements": refinements, "budget": budget}
                    cells.measure(arm, seed, search_cell(tasks, run, seed, **options))
    report(cells)


def report(cells: Cells) -> None:
    """Write the table, and draw what is solved by completions."""
    found = {arm: list(by_seed.values()) for arm, by_seed in cells.arms().items()}
    rows = []
    figure = Figure(figsize=(7.5, 4.2), layout="constrained")
    axes = figure.add_subplot()
    for budget, colour in zip(BUDGETS, COLOURS, strict=False):
        points = []
        for samples, refinements in SHARES:
            mine = found.get(f"{budget} {samples}+{refinements}")
            if mine:
                means = summarize(mine, ("tasks_solved", "mean_solved", "oracle"))
                solved = means["tasks_solved"]
                assert solved is not None
                points.append((spent(mine), 100 * solved.value))
                rows.append(
                    [
                        f"{budget}, {samples} + {refinements}",
                        str(len(mine)),
                        f"{spent(mine):.1f}",
                        *map(text, means.values()),
                    ]
                )
        axes.scatter(*zip(*points, strict=True), color=colour, label=budget)
    axes.set(xlabel="completions per task, made", ylabel="tasks solved by the vote, %")
    axes.set_xscale("log", base=2)
    axes.legend(frameon=False)
    figure.savefig(PAGE.parent / "evidence" / "budgets.svg", metadata={"Date": None})
    header = [
        "budget, samples + refinements",
        "seeds",
        "completions per task",
        "tasks solved",
        "solved, mean",
        "oracle",
    ]
    put("budgets", header, rows)


def spent(evaluations: list[Evaluation]) -> float:
    """Completions per task and search."""
    return sum(row.completions for one in evaluations for row in one.per_task) / sum(
        len(one.per_task) for one in evaluations
    )


if __name__ == "__main__":
    typer.run(main)
