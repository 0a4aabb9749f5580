"""From many attempts to at most two answers: a weighted majority vote over what they predict."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from soar.program import Attempt
from soar.task import Value, canonical_json

Weighting: TypeAlias = Literal["sum", "appendix"]


@dataclass(frozen=True, slots=True)
class Prediction:
    """An answer of the vote.

    Attributes:
        outputs: one value per test input.
        weight: the group's weight in the vote.
        count: how many attempts predict exactly these outputs.
    """

    outputs: tuple[Value, ...]
    weight: float
    count: int


def vote(attempts: Iterable[Attempt], n: int = 2, c: float = 1000, weight: Weighting = "sum") -> list[Prediction]:
    """Return the `n` heaviest answers, best first; fewer where there are not so many.

    Attempts that predict the same outputs for all test inputs form a group. Completions count, not distinct programs.
    Only eligible attempts vote that gave an output for every test input.

    Args:
        attempts: of one task; read once.
        n: how many answers (ARC allows 2).
        c: worth of the examples: what an attempt that solves all of them weighs more than one that solves none.
        weight: "sum": the sum over the group of 1 + c * train accuracy (SOAR, section 3.2, and its code);
            "appendix": count + c * mean train accuracy (its appendix D.1).

    Ties go to the larger count, then to the group with the smallest key.
    """
    groups: dict[str, _Group] = {}
    for attempt in attempts:
        if not attempt.eligible or not attempt.test or any(outcome.status != "ok" for outcome in attempt.test):
            continue
        outputs = tuple(outcome.value for outcome in attempt.test)
        group = groups.setdefault(canonical_json(outputs), _Group(outputs, attempt.key))
        group.accuracies.append(attempt.train_accuracy)
        group.key = min(group.key, attempt.key)
    weighed = [(group.weight(c, weight), group) for group in groups.values()]
    weighed.sort(key=lambda pair: (-pair[0], -len(pair[1].accuracies), pair[1].key))
    return [Prediction(group.outputs, heaviness, len(group.accuracies)) for heaviness, group in weighed[:n]]


@dataclass(slots=True)
class _Group:
    outputs: tuple[Value, ...]
    key: str
    accuracies: list[float] = field(default_factory=list)

    def weight(self, c: float, weighting: Weighting) -> float:
        total = math.fsum(self.accuracies)  # exact, so that the order of the attempts does not matter
        count = len(self.accuracies)
        return count + c * (total if weighting == "sum" else total / count)
