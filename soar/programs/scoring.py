"""How good a program is: what a scorer makes of what it did on the examples. No scorer sees a test."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from numbers import Real
from typing import Any, Protocol, cast

from soar.core.errors import SoarError
from soar.sandbox.outcome import Outcome
from soar.tasks.task import Task
from soar.tasks.values import as_grid, pixel_accuracy


class ScoringError(SoarError):
    """A scorer gave what cannot be ranked; the message names scorer, task and what it gave."""


@dataclass(frozen=True, slots=True)
class Score:
    """What the examples say of a program.

    Attributes:
        fitness: in [0, 1], the larger the better: what selectors go by, and which attempt is the best. The share of
            the examples that are solved, where a scorer says nothing else (h(p) in SOAR).
        solved: for each example whether it is solved; a program that solves all of them solves the examples.
        pixel_accuracy: mean over the examples of the share of cells that are right; 0.0 where values are no grids.
    """

    fitness: float
    solved: tuple[bool, ...]
    pixel_accuracy: float = 0.0


class Scorer(Protocol):
    """Says how good a program is."""

    def score(self, task: Task, outcomes: Sequence[Outcome]) -> Score:
        """Return the score of a program.

        Args:
            task: its examples; test outputs are left out.
            outcomes: what the program did on each example's input, in order; of grids whose numbers have other types
                as grids.
        """
        ...


class ExactExamples:
    """The share of the examples whose outputs are right; numbers may differ by the task's tolerance (SOAR, 3.2)."""

    def score(self, task: Task, outcomes: Sequence[Outcome]) -> Score:
        """Return the share of examples that are solved, and which."""
        pairs = [(one, example.output) for one, example in zip(outcomes, task.train, strict=True)]
        solved = tuple(one.status == "ok" and task.right(one.value, output) for one, output in pairs)
        near = sum(pixel_accuracy(one.value, output) for one, output in pairs if one.status == "ok")
        count = max(1, len(pairs))
        return Score(sum(solved) / count, solved, near / count)


EXACT = ExactExamples()


def checked_score(scorer: Scorer, task: Task, outcomes: Sequence[Outcome]) -> Score:
    """Return what a scorer says. Raises ScoringError where that cannot be ranked."""
    score = scorer.score(task, outcomes)
    said = f"{type(scorer).__name__}.score() of task {task.id}"
    if not isinstance(score, Score):
        raise ScoringError(f"{said} gave {score!r}: return a soar.Score(fitness, solved)")
    if not isinstance(score.solved, tuple) or len(score.solved) != len(task.train):
        wanted = f"a tuple of {len(task.train)} is needed, one for each example"
        raise ScoringError(f"{said} gave solved={score.solved!r}: {wanted}")
    fitness = score.fitness
    if isinstance(fitness, bool) or not isinstance(fitness, Real) or not 0 <= fitness <= 1:
        raise ScoringError(f"{said} gave the fitness {fitness!r}: a number from 0 to 1 is needed")
    return score


def as_grids(outcomes: Sequence[Outcome]) -> tuple[Outcome, ...]:
    """What programs did at a task of grids, with values that are grids but for their numbers' types as grids."""
    grids = [one.value if one.status != "ok" else as_grid(one.value) for one in outcomes]
    pairs = zip(outcomes, grids, strict=True)
    return tuple(one if grid is one.value else replace(one, value=cast(Any, grid)) for one, grid in pairs)
