"""Every figure of an evaluation, as a ratio of two sums over tasks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from soar.core.errors import SoarError
from soar.evaluation.rows import TaskRow
from soar.evaluation.statistics import Estimate, Floats, bootstrap, pass_at_k

Part: TypeAlias = tuple[float, float] | None  # a task's share of numerator and denominator; None: it has none
Table: TypeAlias = Sequence[Sequence[TaskRow]]  # seeds × tasks: every seed the same tasks in the same order


class EvaluationError(SoarError):
    """Runs cannot be evaluated together or compared; the message says why."""


@dataclass(frozen=True, slots=True)
class Figure:
    """How a figure is made of a task's row, and how it is shown.

    Attributes:
        part: numerator and denominator of one task.
        title: in tables.
        percent: shown as a percentage.
        meaning: in a few words.
    """

    part: Callable[[TaskRow], Part]
    title: str
    percent: bool
    meaning: str


def _mean(shares: Sequence[bool] | None) -> float:
    return sum(shares) / len(shares) if shares else 0.0


def _share(value: Callable[[TaskRow], float]) -> Callable[[TaskRow], Part]:
    """A mean over the tasks whose test outputs are known."""
    return lambda row: None if row.test_correct is None else (value(row), 1)


def _rate(count: Callable[[TaskRow], int]) -> Callable[[TaskRow], Part]:
    """A share of all completions, those that twins share counted once."""
    return lambda row: None if row.twin else (count(row), row.completions)


def _per_solved(count: Callable[[TaskRow], float | None]) -> Callable[[TaskRow], Part]:
    def part(row: TaskRow) -> Part:
        amount = count(row)
        return None if row.solved is None or amount is None else (0 if row.twin else amount, float(row.solved))

    return part


def _distance(solved: bool) -> Callable[[TaskRow], Part]:
    return lambda row: (row.distance, 1) if row.distance is not None and row.solved is solved else None


def pass_figure(k: int, sampled: bool = False) -> Figure:
    """Mean over tasks of pass@k; of the sampling phase's completions alone, which are independent draws, if `sampled`.

    A completion is correct when all its test outputs are right. A task with fewer than k completions counts with all
    it has, one without any as 0.
    """

    def part(row: TaskRow) -> Part:
        n, correct = (row.samples, row.correct_samples) if sampled else (row.completions, row.correct)
        if correct is None:
            return None
        return (pass_at_k(n, correct, min(k, n)) if n else 0.0), 1

    what = "sampled completions" if sampled else "completions"
    return Figure(part, f"{'sampled ' if sampled else ''}pass@{k}", True, f"one of {k} {what} is right")


FIGURES: dict[str, Figure] = {
    "mean_solved": Figure(
        _share(lambda r: _mean(r.test_correct)), "solved, mean over tasks", True, "the paper's reading"
    ),
    "outputs_solved": Figure(
        lambda r: None if r.test_correct is None else (sum(r.test_correct), len(r.test_correct)),
        "solved, test outputs",
        True,
        "Kaggle's score",
    ),
    "tasks_solved": Figure(
        _share(lambda r: float(all(r.test_correct or ()))), "solved, whole tasks", True, "all of a task"
    ),
    "oracle": Figure(
        _share(lambda r: _mean(r.oracle_correct)), "oracle", True, "any attempt is right, mean over tasks"
    ),
    "gap": Figure(
        _share(lambda r: _mean(r.oracle_correct) - _mean(r.test_correct)), "gap", True, "what the vote misses"
    ),
    "examples_solved": Figure(lambda r: (r.solving_examples > 0, 1), "solved on examples", True, "tasks"),
    "pixel_accuracy": Figure(_share(lambda r: r.pixel_accuracy or 0.0), "pixel accuracy", True, "better prediction"),
    "parse_failures": Figure(_rate(lambda r: r.parse_failures), "no program", True, "of completions"),
    "errors": Figure(_rate(lambda r: r.failures.get("error", 0)), "errors", True, "of completions"),
    "timeouts": Figure(_rate(lambda r: r.failures.get("timeout", 0)), "timeouts", True, "of completions"),
    "other_failures": Figure(
        _rate(lambda r: sum(n for status, n in r.failures.items() if status not in ("error", "timeout"))),
        "other failures",
        True,
        "memory, crash, no value",
    ),
    "duplicates": Figure(
        lambda r: None if r.twin else (r.completions - r.parse_failures - r.programs, r.completions - r.parse_failures),
        "duplicates",
        True,
        "of completions with a program",
    ),
    "unique_outputs": Figure(lambda r: (r.unique_outputs, 1), "unique answers", False, "per task"),
    "distance_solved": Figure(_distance(True), "distance, solved tasks", False, "mean pairwise cosine of programs"),
    "distance_unsolved": Figure(_distance(False), "distance, unsolved tasks", False, "the same"),
    "completions": Figure(lambda r: (0 if r.twin else r.completions, 1), "completions", False, "per task"),
    "tokens_per_solved": Figure(_per_solved(lambda r: r.tokens), "tokens written", False, "per solved task"),
    "prompt_tokens_per_solved": Figure(_per_solved(lambda r: r.prompt_tokens), "tokens read", False, "per solved task"),
    "cost_per_solved": Figure(_per_solved(lambda r: r.cost), "cost, dollars", False, "per solved task"),
}


def named_figures(ks: Sequence[int], sampled_ks: Sequence[int] | None = None) -> dict[str, Figure]:
    """Return all figures by name, with pass@k for each k, of all completions and of the sampled ones."""
    every = {f"pass@{k}": pass_figure(k) for k in ks}
    sampled = {f"sampled_pass@{k}": pass_figure(k, sampled=True) for k in (ks if sampled_ks is None else sampled_ks)}
    return FIGURES | every | sampled


def figures_for(table: Table, ks: Sequence[int] | None = None) -> dict[str, Figure]:
    """Return `named_figures` for these k; None: for the powers of two up to the most completions of a task."""
    if ks is not None:
        return named_figures(ks)
    rows = [row for seed in table for row in seed]
    most = [max((row.completions for row in rows), default=0), max((row.samples for row in rows), default=0)]
    return named_figures(*([1 << power for power in range(limit.bit_length())] for limit in most))


def parts(table: Table, figure: Figure) -> tuple[Floats, Floats]:
    """Return numerators and denominators, each (seeds, tasks); a task without the figure has 0 in both."""
    pairs = np.array([[figure.part(row) or (0.0, 0.0) for row in seed] for seed in table], dtype=np.float64)
    return pairs[..., 0], pairs[..., 1]


def estimate(table: Table, figure: Figure) -> Estimate | None:
    """Return a figure with its interval; None where no task has it (or none is solved, for what is per solved task)."""
    return bootstrap(*parts(table, figure))


def curve_figure(budget: int, oracle: bool = False) -> Figure:
    """Share of test inputs hit by the vote, or reached, after `budget` completions a task: all, where it has fewer."""

    def part(row: TaskRow) -> Part:
        if row.curve is None:
            return None
        found = [point for point in row.curve if point[0] <= budget]
        return (found[-1][2 if oracle else 1] if found else 0.0), 1

    return Figure(part, f"{'oracle' if oracle else 'vote'} at {budget}", True, "mean over tasks")
