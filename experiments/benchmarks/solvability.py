"""Which estimates of difficulty predict that a task will be solved by later completions?

    soar search arc-agi-1/training --limit 200 --samples 64 --refinements 0 --run RUN
    python experiments/benchmarks/solvability.py RUN [--first 16]      # or --only-report

Samples of a task are exchangeable: in each of 20 orders the first ones make the estimates, the others say whether the
task is solved. The AUC is the chance that a task that gets solved is estimated easier than one that does not; its 95%
interval comes from resampling tasks. Two questions: of all tasks, and of those that the first samples do not solve.

Writes results/solvability.json beside it, and its table into docs/curriculum.md. A minute.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).parents[1] / "evidence"))

from bench import ROOT, put

from soar.archive.reader import Archive
from soar.core.seeding import keyed_rng
from soar.curriculum.difficulty import HARDER, MEASURES, estimate
from soar.evolution.results import load_run
from soar.programs.program import Attempt
from soar.tasks.task import Task

RESULTS = Path(__file__).parent / "results"
PAGE = ROOT / "docs" / "curriculum.md"
ORDERS, RESAMPLES = 20, 2000
CAUGHT = 0.9  # of the tasks that get solved later
Floats = NDArray[np.float64]


def split(task: Task, attempts: Sequence[Attempt], first: int, order: int) -> dict[str, Any]:
    """Return how easy the first attempts of an order make a task, and what came of it."""
    place = keyed_rng("order", order, task.id).permutation(len(attempts))
    early, late = ([attempts[i] for i in part] for part in (place[:first], place[first:]))
    found = estimate(task, early)
    return {
        "easy": {name: None if (value := getattr(found, name)) is None else -HARDER[name] * value for name in MEASURES},
        "before": found.solving > 0,
        "after": any(one.eligible and one.solves_examples for one in late),
    }


def measure(run: Path, first: int) -> dict[str, Any]:
    """Return the figures of each estimate, for all tasks and for those that the first samples leave unsolved."""
    with Archive(run) as archive:
        searched = {result.task.id: result.task for result in load_run(run).values() if result.skipped is None}
        tasks = {task.content_hash: task for task in searched.values()}
        tables: list[list[dict[str, Any]]] = [[] for _ in range(ORDERS)]
        for task in tasks.values():
            attempts = list(archive.attempts(task))
            for order, table in enumerate(tables):
                table.append(split(task, attempts, first, order))
    given = [name for name in MEASURES if all(row["easy"][name] is not None for row in tables[0])]
    per_task = len(attempts)
    parts = {"all": False, "unsolved": True}
    return {
        "tasks": len(tasks),
        "samples": per_task,
        "first": first,
        "solved": {part: _share_solved(tables, unsolved) for part, unsolved in parts.items()},
        "figures": {
            name: {part: figures(tables, name, unsolved) for part, unsolved in parts.items()} for name in given
        },
    }


def _share_solved(tables: list[list[dict[str, Any]]], unsolved: bool) -> float:
    kept = [row["after"] for table in tables for row in table if not (unsolved and row["before"])]
    return round(sum(kept) / len(kept), 4)


def figures(tables: Sequence[Sequence[Mapping[str, Any]]], name: str, unsolved: bool) -> dict[str, float]:
    """Return AUC with its interval, and the share of the tasks to go on with for nine in ten of those solved later."""
    easy = np.array([[row["easy"][name] for row in table] for table in tables], dtype=np.float64)
    solved = np.array([[row["after"] for row in table] for table in tables])
    kept = ~np.array([[row["before"] for row in table] for table in tables]) if unsolved else np.ones_like(solved)
    orders, n = easy.shape
    draws = keyed_rng("resamples").multinomial(n, np.full(n, 1 / n), size=RESAMPLES)
    weights = np.vstack([np.ones(n), draws])
    values = np.nanmean([auc(easy[i], solved[i], kept[i], weights) for i in range(orders)], axis=0)
    low, high = np.nanpercentile(values[1:], [2.5, 97.5])
    needed = np.nanmean([share_needed(easy[i][kept[i]], solved[i][kept[i]]) for i in range(orders)])
    shown = {"auc": values[0], "low": low, "high": high, "needed": needed}
    return {key: round(float(value), 4) for key, value in shown.items()}


def auc(easy: Floats, solved: Floats, kept: Floats, weights: Floats) -> Floats:
    """Return the AUC under each row of weights over tasks; NaN where one side is empty. Ties count half."""
    yes, no = np.flatnonzero(kept & solved), np.flatnonzero(kept & ~solved)
    wins = np.sign(easy[yes][:, None] - easy[no][None]) / 2 + 0.5
    right, wrong = weights[:, yes], weights[:, no]
    pairs = right.sum(axis=1) * wrong.sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        found: Floats = np.where(pairs > 0, ((right @ wins) * wrong).sum(axis=1) / pairs, np.nan)
    return found


def share_needed(easy: Floats, solved: Floats) -> float:
    """Return the share of tasks, easiest first, that holds nine in ten of those solved; equal ones come together."""
    if not solved.any():
        return float("nan")
    least = np.sort(easy[solved])[::-1][int(np.ceil(CAUGHT * solved.sum())) - 1]
    return float((easy >= least).mean())


def rows(found: Mapping[str, Any]) -> list[list[str]]:
    """Return a row per estimate, the best for unsolved tasks first."""
    order = sorted(found["figures"].items(), key=lambda one: -one[1]["unsolved"]["auc"])
    return [[name, *(_cell(parts["all"]), _cell(parts["unsolved"]), f"{100 * parts['unsolved']['needed']:.0f}%")]
            for name, parts in order]  # fmt: skip


def _cell(figure: Mapping[str, float]) -> str:
    return f"{figure['auc']:.2f} [{figure['low']:.2f}, {figure['high']:.2f}]"


def main(
    run: Annotated[Path, typer.Argument(help="A run of samples alone.")] = Path("runs/solvability"),
    first: Annotated[int, typer.Option(help="Samples that make the estimates.")] = 16,
    only_report: Annotated[bool, typer.Option("--only-report", help="Measure nothing.")] = False,
) -> None:
    """Measure; write results and table."""
    path = RESULTS / "solvability.json"
    if not only_report:
        RESULTS.mkdir(exist_ok=True)
        path.write_text(json.dumps(measure(run, first), indent=1) + "\n")
    found = json.loads(path.read_text())
    header = ["estimate", "AUC, all tasks", "AUC, unsolved so far", "to go on with, for nine in ten"]
    put("solvability", header, rows(found), PAGE)


if __name__ == "__main__":
    typer.run(main)
