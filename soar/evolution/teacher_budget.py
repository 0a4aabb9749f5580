"""A teacher divides the completions of a search: which task gets the next ones, and how many."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from soar.archive.records import Grant
from soar.curriculum import Finite, Known, Teacher, estimate, make_teacher, plan_step, ranked, task_features
from soar.evolution.budget import TaskState, left_of
from soar.evolution.config import ConfigError, SearchConfig
from soar.tasks.task import Task

LOTS = 16  # into so many the even share of a task is cut
SMALLEST = 4  # completions of a lot, at least


class TeacherBudget:
    """Lets a teacher hand out the completions of a search, in rounds.

    A round is a step of the teacher: it draws tasks, and each draw brings a lot of completions, samples first and then
    refinements in the proportion of `samples` and `refinements`; a task that gets more than an even share begins with
    samples again. The teacher is told the rewards of the attempts that came of it, see `TaskState`, two rounds later.
    All tasks together get no more than (samples + refinements) each. The search ends before, where the teacher says
    that no task is open.

    Args:
        teacher: a name, see `soar.curriculum.TEACHERS`; or what makes one of what is known of the tasks, which it calls
            by content hash: `lambda known: Prospects(known.difficulty, first=8)`.
        draws: of a round. Up to two rounds are under way, so a model that answers many requests at once wants more.
        lot: completions a draw; None: a sixteenth of an even share, at least 4.

    Raises:
        ConfigError: fewer than one draw, or completions of a lot.
    """

    def __init__(
        self, teacher: str | Callable[[Known], Teacher] = "prospects", *, draws: int = 8, lot: int | None = None
    ) -> None:
        if draws < 1 or (lot is not None and lot < 1):
            raise ConfigError(f"a round of {draws} draws with {lot} completions each: take at least one of both")
        self.teacher, self.draws, self.lot = teacher, draws, lot
        self._teacher: Teacher | None = None

    def begin(self, tasks: Mapping[str, Task], config: SearchConfig) -> None:
        """See `soar.evolution.budget.ReadsTasks`. Raises CurriculumError where the teacher needs more than there is."""
        known = known_of(tasks, config)
        self._teacher = make_teacher(self.teacher, known) if isinstance(self.teacher, str) else self.teacher(known)
        self._lot = self.lot or lot_of(config)

    def told(self, task: str, rewards: Sequence[float]) -> None:
        """Take note of what attempts at a task have brought."""
        assert self._teacher is not None
        self._teacher.update(task, rewards)

    def grant(
        self,
        number: int,
        config: SearchConfig,
        granted: Mapping[str, Grant],
        states: Mapping[str, TaskState],
        rng: np.random.Generator,
    ) -> dict[str, Grant]:
        """See `soar.evolution.budget.Budget.grant`."""
        teacher = self._teacher
        if teacher is None:
            raise ConfigError("a TeacherBudget was asked before it was told the tasks: call begin(tasks, config) first")
        for task in granted:  # in an order that no timing decides
            if task in states and states[task].rewards:
                self.told(task, states[task].rewards)
        if isinstance(teacher, Finite) and not any(map(teacher.open, granted)):
            return {}
        left = left_of(config, granted, states)
        if left < (self._lot if number else 1):  # what early stop gives back in the end may be less than a lot
            return {}
        draws = min(self.draws, max(left // self._lot, 1))
        rollouts = draws * self._lot if left - draws * self._lot >= self._lot else left
        plan = plan_step(teacher, rng, tasks=draws, rollouts=rollouts)
        return {task: further(granted[task], count, config) for task, count in plan.items() if count}


def further(had: Grant, count: int, config: SearchConfig) -> Grant:
    """Return the next `count` completions of a task that had some: of every even share first samples, then the rest."""

    def samples(total: int) -> int:
        shares, rest = divmod(total, config.samples + config.refinements)
        return shares * config.samples + min(rest, config.samples)

    sampled = samples(had.total + count) - samples(had.total)
    return Grant(sampled, count - sampled)


def lot_of(config: SearchConfig) -> int:
    """Return the completions that a draw usually brings."""
    return max((config.samples + config.refinements) // LOTS, SMALLEST)


def known_of(tasks: Mapping[str, Task], config: SearchConfig, targets: Mapping[str, Task] | None = None) -> Known:
    """Return what is known of tasks before any of them is searched: how long their examples are, and their features.

    Args:
        tasks: by what the teacher calls them; `targets`: those that are to be solved in the end, if any.
        config: of the search.
    """
    difficulty = ranked({id: estimate(task, ()) for id, task in tasks.items()}, "length")
    grids = all(task.is_grid for task in tasks.values())
    features = {id: task_features(task) for id, task in tasks.items()} if grids else None
    wanted = {id: task_features(task) for id, task in (targets or {}).items()}
    share = max(config.samples + config.refinements, 1)
    return Known(list(tasks), difficulty, features=features, targets=wanted or None, share=share)
