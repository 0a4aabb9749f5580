"""From many attempts to at most two answers: a weighted majority vote over what they predict."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from soar.program import Attempt
from soar.task import Value, canonical_json

Weighting: TypeAlias = Literal["sum", "appendix", "majority", "best", "closest"]


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
            "appendix": count + c * mean train accuracy (its appendix D.1); "majority": the count alone; "best": the
            train accuracy of the group's best attempt alone; "closest": the same plus its pixel accuracy on the
            examples, so that among equals the nearest miss counts. The last three take no `c`.

    Ties go to the larger count, then to the group with the smallest key.
    """
    tally = Tally()
    for attempt in attempts:
        outputs = answer(attempt)
        if outputs is not None:
            tally.add(outputs, attempt.train_accuracy, attempt.pixel_accuracy, attempt.key)
    return tally.best(n, c, weight)


def answer(attempt: Attempt) -> tuple[Value, ...] | None:
    """Return what an attempt votes for: an output per test input; None where it may not vote or lacks one."""
    if not attempt.eligible or not attempt.test or any(outcome.status != "ok" for outcome in attempt.test):
        return None
    return tuple(outcome.value for outcome in attempt.test)


@dataclass(slots=True)
class Tally:
    """The votes so far; answers can be asked for at any time."""

    _groups: dict[str, _Group] = field(default_factory=dict)

    def add(self, outputs: tuple[Value, ...], accuracy: float, pixel_accuracy: float, key: str) -> None:
        """Count an attempt's vote."""
        text = canonical_json(outputs)
        group = self._groups.setdefault(text, _Group(outputs, text, key))
        group.accuracies.append(accuracy)
        group.nearest = max(group.nearest, accuracy + pixel_accuracy)
        group.key = min(group.key, key)

    def best(self, n: int = 2, c: float = 1000, weight: Weighting = "sum") -> list[Prediction]:
        """Return the `n` heaviest answers, see `vote`. Keys of several runs can be equal: then the outputs decide."""
        weighed = [(group.weight(c, weight), group) for group in self._groups.values()]
        weighed.sort(key=lambda pair: (-pair[0], -len(pair[1].accuracies), pair[1].key, pair[1].text))
        return [Prediction(group.outputs, heaviness, len(group.accuracies)) for heaviness, group in weighed[:n]]


@dataclass(slots=True)
class _Group:
    outputs: tuple[Value, ...]
    text: str
    key: str
    accuracies: list[float] = field(default_factory=list)
    nearest: float = 0.0

    def weight(self, c: float, weighting: Weighting) -> float:
        count = len(self.accuracies)
        if weighting == "majority":
            return count
        if weighting == "best":
            return max(self.accuracies)
        if weighting == "closest":
            return self.nearest
        total = math.fsum(self.accuracies)  # exact, so that the order of the attempts does not matter
        return count + c * (total if weighting == "sum" else total / count)
