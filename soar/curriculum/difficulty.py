"""How hard a task is for a model, from the attempts in an archive and without an answer.

Which of these predict that a task will be solved: docs/curriculum.md.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Literal, get_args

from soar.archive.reader import Archive
from soar.archive.records import Evaluator
from soar.core.errors import expect
from soar.curriculum.base import CurriculumError
from soar.programs.program import Attempt
from soar.programs.voting import answer
from soar.tasks.task import Task
from soar.tasks.values import canonical_json

Measure = Literal[
    "solving",
    "best_solved",
    "mean_solved",
    "best_pixels",
    "mean_pixels",
    "disagreement",
    "failing",
    "length",
    "logprob",
]
MEASURES: tuple[Measure, ...] = get_args(Measure)


@dataclass(frozen=True, slots=True)
class Difficulty:
    """What the attempts at a task say; of no attempts all but `length` is 0, `disagreement` and `failing` are 1.

    Attributes:
        attempts: that were read.
        solving: share of them that is eligible and solves all examples.
        best_solved, mean_solved: share of the examples solved, by the best eligible attempt, and by all on average.
        best_pixels, mean_pixels: the same of pixel accuracy.
        disagreement: 1 less the share of all attempts that give the most frequent answer to the test inputs.
        failing: share of the attempts without a program, or with one that fails on some input.
        length: characters of the examples as JSON, on which the length of the prompt depends.
        logprob: of the reply with the best program (most examples solved, then pixels), in nats a token; None where the
            model gives none.
    """

    attempts: int
    solving: float
    best_solved: float
    mean_solved: float
    best_pixels: float
    mean_pixels: float
    disagreement: float
    failing: float
    length: int
    logprob: float | None


HARDER: Mapping[Measure, int] = {name: 1 if name in ("disagreement", "failing", "length") else -1 for name in MEASURES}


def estimate(task: Task, attempts: Iterable[Attempt]) -> Difficulty:
    """Return what attempts at a task say of its difficulty; no test output is read."""
    all = list(attempts)
    length = len(canonical_json([example.to_json() for example in task.train]))
    if not all:
        return Difficulty(0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 1.0, length, None)
    eligible = [one for one in all if one.eligible]
    answers = Counter(canonical_json(given) for one in eligible if (given := answer(one)) is not None)
    best = max(eligible or all, key=lambda one: (one.train_accuracy, one.pixel_accuracy))
    return Difficulty(
        attempts=len(all),
        solving=sum(one.solves_examples for one in eligible) / len(all),
        best_solved=max((one.train_accuracy for one in eligible), default=0.0),
        mean_solved=math.fsum(one.train_accuracy for one in all) / len(all),
        best_pixels=max((one.pixel_accuracy for one in eligible), default=0.0),
        mean_pixels=math.fsum(one.pixel_accuracy for one in all) / len(all),
        disagreement=1 - max(answers.values(), default=0) / len(all),
        failing=sum(one.failure is not None for one in all) / len(all),
        length=length,
        logprob=None if best.logprob is None else best.logprob / max(1, best.tokens),
    )


def estimates(
    archive: Archive, evaluators: Iterable[Evaluator], first: int | None = None, iteration: int | None = None
) -> dict[str, Difficulty]:
    """Return an estimate for each task, by id, from its first attempts in an archive.

    Args:
        archive: of a search.
        evaluators: of the tasks; `SearchConfig.evaluator` makes those of a run.
        first: attempts of each that are read; None: all.
        iteration: of the loop; None: all.
    """
    expect(archive, Archive, "the source of estimates", "a soar.Archive")
    return {one.task.id: estimate(one.task, islice(archive.attempts(one, iteration), first)) for one in evaluators}


def ranked(found: Mapping[str, Difficulty], measure: Measure = "mean_solved") -> dict[str, float]:
    """Return difficulty in [0, 1] by task, the rank among all: 0 the easiest; equal ones share a rank.

    Raises:
        CurriculumError: no such measure, or one that the model does not give.
    """
    if measure not in MEASURES:
        raise CurriculumError(f"difficulty is measured by {', '.join(MEASURES)}, not by {measure!r}")
    values = {task: getattr(one, measure) for task, one in found.items()}
    if any(value is None for value in values.values()):
        raise CurriculumError(f"the archive has no {measure}: the model does not give it; take another measure")
    harder = {task: HARDER[measure] * value for task, value in values.items()}
    order = sorted(set(harder.values()))
    rank = {value: place / max(1, len(order) - 1) for place, value in enumerate(order)}
    return {task: rank[value] for task, value in harder.items()}
