"""Which task next: the Protocol of teachers, and what every teacher checks of what it is given."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from copy import deepcopy
from typing import Any, ClassVar, Protocol, TypeVar, runtime_checkable

import numpy as np
from numpy.typing import ArrayLike

from soar.core.errors import SoarError

T = TypeVar("T")


class CurriculumError(SoarError):
    """A teacher was given what it cannot use; the message says what to do."""


class Teacher(Protocol):
    """Says which task comes next, and learns from the rewards that it brought."""

    def sample(self, rng: np.random.Generator) -> str:
        """Return the id of the next task. Draws from `rng` alone, so that the same state gives the same draws."""
        ...

    def update(self, task: str, rewards: Sequence[float]) -> None:
        """Take note of the rewards of one visit: one a rollout, all made by the same policy."""
        ...

    def state_dict(self) -> dict[str, Any]:
        """Return all that it has learned, as JSON data."""
        ...

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from there: draws are those that would have followed."""
        ...

    def metrics(self) -> dict[str, float]:
        """Return figures worth a line in a log."""
        ...


@runtime_checkable
class Allocator(Protocol):
    """A teacher that also says how many rollouts each task of a step gets."""

    def allocate(self, tasks: Sequence[str], total: int) -> dict[str, int]:
        """Return rollouts by task, `total` in all."""
        ...


@runtime_checkable
class Finite(Protocol):
    """A teacher that is done with a task at some time: a search that it guides ends when no task is open."""

    def open(self, task: str) -> bool:
        """Return whether more of the task is wanted."""
        ...


class BaseTeacher(ABC):
    """What all teachers here share: tasks, counts, checks, state.

    Attributes:
        name: what it is called on the command line.
        starves: why a task may never be drawn again; empty where none is starved.
        unit: whether rewards have to lie in [0, 1].
        kept: attributes that are its state, beside the visits; JSON data.
        tasks: ids, each once.
        visits: updates so far, by task.
    """

    name: ClassVar[str]
    starves: str = ""
    unit: ClassVar[bool] = False
    kept: ClassVar[tuple[str, ...]] = ()

    def __init__(self, tasks: Iterable[str]) -> None:
        self.tasks = distinct(tasks)
        self.visits = dict.fromkeys(self.tasks, 0)

    @abstractmethod
    def sample(self, rng: np.random.Generator) -> str:
        """See `Teacher.sample`."""

    def learn(self, task: str, rewards: Sequence[float]) -> None:  # noqa: B027
        """Use rewards that are checked. A teacher with a fixed plan leaves this as it is."""

    def update(self, task: str, rewards: Sequence[float]) -> None:
        """See `Teacher.update`.

        Raises:
            CurriculumError: the task is none of its own, there are no rewards, or one of them is no number it can use.
        """
        self.check(task)
        self.learn(task, self._checked(task, rewards))
        self.visits[task] += 1

    def state_dict(self) -> dict[str, Any]:
        """See `Teacher.state_dict`."""
        state = {name: deepcopy(getattr(self, name)) for name in ("visits", *self.kept)}
        return {"teacher": self.name, "tasks": list(self.tasks), "state": state}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """See `Teacher.load_state_dict`. Raises CurriculumError for the state of another teacher or of other tasks."""
        if state.get("teacher") != self.name:
            raise CurriculumError(f"this is the state of teacher {state.get('teacher')!r}, not of {self.name!r}")
        same_tasks(state.get("tasks", ()), self.tasks, "this state")
        if tuple(state["tasks"]) != self.tasks:
            raise CurriculumError("this state has the same tasks in another order: give them as they were")
        for name in ("visits", *self.kept):
            setattr(self, name, deepcopy(state["state"][name]))

    def metrics(self) -> dict[str, float]:
        """Visits, and the share of the tasks that were visited."""
        counts = self.visits.values()
        return {"visits": float(sum(counts)), "seen": sum(map(bool, counts)) / len(self.tasks)}

    def check(self, task: str) -> None:
        """Raise CurriculumError unless this is one of its tasks."""
        if task not in self.visits:
            raise CurriculumError(f"{task!r} is none of the {len(self.tasks)} tasks of teacher {self.name!r}")

    def _checked(self, task: str, rewards: Sequence[float]) -> list[float]:
        values = [float(reward) for reward in rewards]
        if not values:
            raise CurriculumError(f"task {task!r} has no rewards: update a teacher only after a visit")
        if wrong := [value for value in values if not math.isfinite(value)]:
            raise CurriculumError(f"task {task!r} has the reward {wrong[0]}: leave out rollouts that were lost")
        if self.unit and (wrong := [value for value in values if not 0 <= value <= 1]):
            raise CurriculumError(
                f"task {task!r} has the reward {wrong[0]:g}: teacher {self.name!r} needs rewards scaled to [0, 1]"
            )
        return values


def distinct(tasks: Iterable[str]) -> tuple[str, ...]:
    """Return the ids. Raises CurriculumError where there are none, or one comes twice."""
    ids = tuple(tasks)
    if not ids:
        raise CurriculumError("a teacher needs at least one task")
    if len(set(ids)) < len(ids):
        twice = next(id for id in ids if ids.count(id) > 1)
        raise CurriculumError(f"the task {twice!r} comes twice: give each id once")
    return ids


def same_tasks(found: Iterable[str], wanted: Iterable[str], what: str) -> None:
    """Raise CurriculumError unless these are the same ids: "`what` is of other tasks"."""
    found, wanted = set(found), set(wanted)
    if found != wanted:
        missing, unknown = sorted(wanted - found), sorted(found - wanted)
        shown = f"lacks {missing[0]!r}" if missing else f"has {unknown[0]!r}"
        raise CurriculumError(
            f"{what} is of other tasks ({shown}; {len(wanted & found)} of {len(wanted)} agree): "
            "give the tasks it was made with, or start anew"
        )


def values_for(tasks: Sequence[str], given: Mapping[str, T], what: str) -> dict[str, T]:
    """Return a value for each task. Raises CurriculumError where one is missing: "no `what` for task ..."."""
    missing = [task for task in tasks if task not in given]
    if missing:
        raise CurriculumError(
            f"no {what} for {len(missing)} of {len(tasks)} tasks, {missing[0]!r} first: give one each"
        )
    return {task: given[task] for task in tasks}


def pick(rng: np.random.Generator, items: Sequence[T], weights: ArrayLike | None = None) -> T:
    """Return one of the items, drawn in proportion to weights of at least 0; evenly where none has any."""
    if weights is None:
        return items[int(rng.integers(len(items)))]
    shares = np.asarray(weights, dtype=np.float64)
    total = shares.sum()
    return items[int(rng.choice(len(items), p=shares / total if total > 0 else None))]


def mean(values: Sequence[float]) -> float:
    """The arithmetic mean."""
    return math.fsum(values) / len(values)


def advantage(rewards: Sequence[float]) -> float:
    """The mean absolute advantage of a group, |reward - mean reward|: 2 p (1 - p) for rewards of 0 and 1."""
    middle = mean(rewards)
    return mean([abs(reward - middle) for reward in rewards])
