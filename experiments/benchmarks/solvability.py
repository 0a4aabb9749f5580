"""Which estimates of difficulty predict that a task will be solved by later completions?

    soar search arc-agi-1/training --samples 64 --refinements 0 --run RUN
    python experiments/benchmarks/solvability.py RUN [--first 16]      # or --only-report

Samples of a task are exchangeable: in each of 20 orders the first ones make the estimates, the others say whether the
task is solved. The AUC is the chance that a task that gets solved is estimated easier than one that does not; its 95%
interval comes from resampling tasks. Two questions: of all tasks, and of those that the first samples do not solve.
"Together" is a logistic regression on all estimates and `soar.curriculum.features`, fitted to other tasks (ten folds).

Writes results/solvability.json beside it, and its table into docs/curriculum.md. Two minutes.
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
from sklearn.linear_model import LogisticRegression  # type: ignore[import-untyped]
from sklearn.pipeline import make_pipeline  # type: ignore[import-untyped]
from sklearn.preprocessing import StandardScaler  # type: ignore[import-untyped]

sys.path.insert(0, str(Path(__file__).parents[1] / "evidence"))

from bench import ROOT, put

from soar.archive.reader import Archive
from soar.archive.records import Evaluator
from soar.core.seeding import keyed_rng
from soar.curriculum.difficulty import HARDER, MEASURES, estimate
from soar.curriculum.features import task_features
from soar.evolution.results import load_run
from soar.programs.program import Attempt
from soar.tasks.task import Task

RESULTS = Path(__file__).parent / "results"
PAGE = ROOT / "docs" / "curriculum.md"
ORDERS, RESAMPLES, FOLDS = 20, 2000, 10
TOGETHER = "together"
CAUGHT = 0.9  # of the tasks that get solved later
Floats = NDArray[Any]


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
    searched = {result.task.content_hash: result.task for result in load_run(run).values() if result.skipped is None}
    tables: list[list[dict[str, Any]]] = [[] for _ in range(ORDERS)]
    with Archive(run) as archive:
        for task in searched.values():
            attempts = list(archive.attempts(Evaluator(task)))
            for order, table in enumerate(tables):
                table.append(split(task, attempts, first, order))
    features = np.array([task_features(task) for task in searched.values()])
    after, before = (np.array([[row[name] for row in table] for table in tables]) for name in ("after", "before"))
    given = [name for name in MEASURES if all(row["easy"][name] is not None for row in tables[0])]
    found: dict[str, dict[str, Any]] = {name: {} for name in (*given, TOGETHER)}
    parts = {"all": np.ones_like(before), "unsolved": ~before}
    for part, kept in parts.items():
        easy: dict[str, Floats] = {
            name: np.array([[row["easy"][name] for row in table] for table in tables]) for name in given
        }
        easy[TOGETHER] = together(np.stack(list(easy.values()), axis=2), features, after, kept)
        for name, values in easy.items():
            found[name][part] = figures(values, after, kept)
    return {
        "tasks": len(searched),
        "samples": len(attempts),
        "first": first,
        "kept": {part: round(float(kept.mean()), 4) for part, kept in parts.items()},
        "solved": {part: round(float(after[kept].mean()), 4) for part, kept in parts.items()},
        "some solved": some_solved(tables),
        "figures": found,
    }


def some_solved(tables: Sequence[Sequence[Mapping[str, Any]]]) -> dict[str, float]:
    """Return, of tasks left unsolved, the share with an example solved, and of these and of others what gets solved."""
    rows = [(row["easy"]["best_solved"] > 0, row["after"]) for table in tables for row in table if not row["before"]]
    some, after = np.array(rows).T
    shares = {"share": some, "solved later": after[some], "others solved later": after[~some]}
    return {name: round(float(values.mean()), 4) if len(values) else 0.0 for name, values in shares.items()}


def together(easy: Floats, features: Floats, solved: Floats, kept: Floats) -> Floats:
    """Return the chance to be solved, (orders, tasks): each fold of tasks is predicted from the others kept."""
    orders, n, _ = easy.shape
    fold = keyed_rng("folds").permutation(n) % FOLDS
    chance = np.full((orders, n), np.nan)
    for order in range(orders):
        known = np.hstack([easy[order], features])
        for number in range(FOLDS):
            theirs = kept[order] & (fold != number)
            if len(set(solved[order][theirs])) < 2:  # nothing to tell apart
                chance[order][fold == number] = 0.5
                continue
            model = make_pipeline(StandardScaler(), LogisticRegression(C=0.3)).fit(known[theirs], solved[order][theirs])
            chance[order][fold == number] = model.predict_proba(known[fold == number])[:, 1]
    return chance


def figures(easy: Floats, solved: Floats, kept: Floats) -> dict[str, float]:
    """Return AUC with its interval, and the share of the tasks to go on with for nine in ten of those solved later.

    Arrays are (orders, tasks)."""
    orders, n = easy.shape
    draws = keyed_rng("resamples").multinomial(n, np.full(n, 1 / n), size=RESAMPLES)
    weights = np.vstack([np.ones(n), draws])
    table = np.array([auc(easy[i], solved[i], kept[i], weights) for i in range(orders)])
    counted = (~np.isnan(table)).sum(axis=0)
    values = np.where(counted > 0, np.nansum(table, axis=0) / np.maximum(counted, 1), np.nan)
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
