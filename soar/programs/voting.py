"""From many attempts to at most two answers: a weighted majority vote over what they predict."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, NamedTuple, Protocol, Self, TypeAlias, get_args

from soar.core.custom import label_of
from soar.core.errors import GivenError, expect
from soar.programs.program import Attempt
from soar.tasks.task import Task
from soar.tasks.values import Value, canonical_json, is_grid, matches

Weighting: TypeAlias = Literal["sum", "appendix", "majority", "best", "closest"]


class Vote(Protocol):
    """Weighs a group of attempts that give the same answer."""

    def weigh(self, accuracies: Sequence[float], nearest: float) -> float:
        """Return the group's weight; the heaviest groups win, of equals the larger.

        Args:
            accuracies: of each attempt of the group, the share of the examples that it solves.
            nearest: the largest sum of an attempt's accuracy and its pixel accuracy on the examples.
        """
        ...


@dataclass(frozen=True, slots=True)
class Prediction:
    """An answer of the vote.

    Attributes:
        outputs: one value per test input.
        weight: the group's weight in the vote.
        count: how many attempts predict exactly these outputs, or with a tolerance outputs as near as that.
        rules: eligibility rules that these attempts break; empty but where no eligible attempt gave an answer.
    """

    outputs: tuple[Value, ...]
    weight: float
    count: int
    rules: tuple[str, ...] = ()

    def _repr_html_(self) -> str:
        from soar.programs.drawing import values_to_html

        shown = [(f"test {k}", value, None) for k, value in enumerate(self.outputs, 1)]
        rules = f"; of attempts that break {', '.join(self.rules)}" if self.rules else ""
        return values_to_html(f"weight {self.weight:g}, {self.count} attempts{rules}", shown)


def vote(
    attempts: Iterable[Attempt],
    n: int = 2,
    c: float = 1000,
    weight: Weighting | Vote = "sum",
    task: Task | None = None,
) -> list[Prediction]:
    """Return the `n` heaviest answers, best first; fewer where there are not so many.

    Attempts that predict the same outputs for all test inputs form a group. Completions count, not distinct programs.
    Only eligible attempts vote that gave an output for every test input. Where there is none, those vote that the rules
    have set aside, and each prediction names the rules: an answer that is doubted is more than none.

    Args:
        attempts: of one task; read once.
        n: how many answers (ARC allows 2).
        c: worth of the examples: what an attempt that solves all of them weighs more than one that solves none.
        weight: "sum": the sum over the group of 1 + c * train accuracy (SOAR, section 3.2, and its code);
            "appendix": count + c * mean train accuracy (its appendix D.1); "majority": the count alone; "best": the
            train accuracy of the group's best attempt alone; "closest": the same plus its pixel accuracy on the
            examples, so that among equals the nearest miss counts. The last three take no `c`. Or a `Vote` of your own.
        task: says which outputs are equal, and whether only grids are an answer; None: equal is what has equal JSON.

    Ties go to the larger count, then to the group with the smallest key.
    """
    expect(attempts, Iterable, "what is voted over", "a list of attempts")
    tally = Tally.of(task)
    for attempt in attempts:
        expect(attempt, Attempt, "each of what is voted over", "a soar.Attempt")
        tally.add(tally.ballot(attempt))
    return tally.best(n, c, weight)


def name_of(weight: Weighting | Vote) -> str:
    """Return the name of a way to weigh; of an object its label."""
    return weight if isinstance(weight, str) else label_of(weight)


def answer(attempt: Attempt) -> tuple[Value, ...] | None:
    """Return what an attempt votes for: an output per test input; None where it may not vote or lacks one."""
    return _outputs(attempt) if attempt.eligible else None


def _outputs(attempt: Attempt) -> tuple[Value, ...] | None:
    if attempt.program is None or not attempt.test or any(outcome.status != "ok" for outcome in attempt.test):
        return None
    return tuple(outcome.value for outcome in attempt.test)


class Ballot(NamedTuple):
    """An attempt's vote: see `Attempt`; `rules` are those it breaks."""

    outputs: tuple[Value, ...]
    accuracy: float
    pixel_accuracy: float
    key: str
    rules: tuple[str, ...]


@dataclass(slots=True)
class Tally:
    """The votes so far; answers can be asked for at any time.

    Attributes:
        grids: whether only grids are an answer.
        tolerance: by how much numbers of one group may differ from its heaviest answer; None: not at all.
    """

    grids: bool = False
    tolerance: float | None = None
    _eligible: dict[str, _Group] = field(default_factory=dict)
    _set_aside: dict[str, _Group] = field(default_factory=dict)

    @classmethod
    def of(cls, task: Task | None) -> Self:
        """Return a tally for a task; its test outputs are not read."""
        return cls() if task is None else cls(task.without_test_outputs().is_grid, task.tolerance)

    def ballot(self, attempt: Attempt) -> Ballot | None:
        """Return an attempt's vote; None where it lacks an output, or gave what cannot be an answer."""
        outputs = _outputs(attempt)
        if outputs is None or (attempt.broken_rules and self.grids and not all(map(is_grid, outputs))):
            return None
        return Ballot(outputs, attempt.train_accuracy, attempt.pixel_accuracy, attempt.key, attempt.broken_rules)

    def add(self, ballot: Ballot | None) -> None:
        """Count a vote, if there is one."""
        if ballot is not None:
            text = canonical_json(ballot.outputs)
            groups = self._set_aside if ballot.rules else self._eligible
            groups.setdefault(text, _Group(ballot.outputs, text, ballot.key)).add(ballot)

    def best(self, n: int = 2, c: float = 1000, weight: Weighting | Vote = "sum") -> list[Prediction]:
        """Return the `n` heaviest answers, see `vote`. Keys of several runs can be equal: then the outputs decide."""
        if weight not in get_args(Weighting) and not hasattr(weight, "weigh"):
            known = ", ".join(get_args(Weighting))
            raise GivenError(f"the weight of a vote is {known}, or an object with a method weigh(), not {weight!r}")
        weighed = [(group.weight(c, weight), group) for group in self._groups()]
        weighed.sort(key=lambda pair: (-pair[0], -len(pair[1].accuracies), pair[1].key, pair[1].text))
        return [
            Prediction(group.outputs, heaviness, len(group.accuracies), tuple(sorted(group.rules)))
            for heaviness, group in weighed[:n]
        ]

    def alike(self) -> Iterator[tuple[tuple[Value, ...], tuple[Value, ...]]]:
        """Yield the answers that count as another one, each with that one."""
        for group in self._groups():
            for other in group.others:
                yield other, group.outputs

    def _groups(self) -> list[_Group]:
        """The groups that count: whose answers are near one with more votes join it."""
        groups = list((self._eligible or self._set_aside).values())
        if self.tolerance is None:
            return groups
        joined: list[_Group] = []
        for group in sorted(groups, key=lambda one: (-len(one.accuracies), -max(one.accuracies), one.key, one.text)):
            near = (one for one in joined if matches(list(group.outputs), list(one.outputs), self.tolerance))
            if (heavier := next(near, None)) is None:
                joined.append(replace(group, accuracies=list(group.accuracies), rules=set(group.rules), others=[]))
            else:
                heavier.join(group)
        return joined


@dataclass(slots=True)
class _Group:
    outputs: tuple[Value, ...]
    text: str
    key: str
    accuracies: list[float] = field(default_factory=list)
    nearest: float = 0.0
    rules: set[str] = field(default_factory=set)
    others: list[tuple[Value, ...]] = field(default_factory=list)  # answers that have joined it

    def add(self, ballot: Ballot) -> None:
        self.accuracies.append(ballot.accuracy)
        self.nearest = max(self.nearest, ballot.accuracy + ballot.pixel_accuracy)
        self.key = min(self.key, ballot.key)
        self.rules.update(ballot.rules)

    def join(self, other: _Group) -> None:
        self.accuracies += other.accuracies
        self.nearest = max(self.nearest, other.nearest)
        self.key = min(self.key, other.key)
        self.rules |= other.rules
        self.others.append(other.outputs)

    def weight(self, c: float, weighting: Weighting | Vote) -> float:
        if not isinstance(weighting, str):
            return weighting.weigh(self.accuracies, self.nearest)
        count = len(self.accuracies)
        if weighting == "majority":
            return count
        if weighting == "best":
            return max(self.accuracies)
        if weighting == "closest":
            return self.nearest
        total = math.fsum(self.accuracies)  # exact, so that the order of the attempts does not matter
        return count + c * (total if weighting == "sum" else total / count)
