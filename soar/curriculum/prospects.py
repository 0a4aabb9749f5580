"""Whom to search further: a teacher for budgets of searches, where a task that is solved needs nothing more."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from soar.curriculum.base import BaseTeacher, CurriculumError, mean, pick, values_for


class Prospects(BaseTeacher):
    """A few samples each, then unsolved tasks best first: by the best reward so far, then by prior difficulty.

    Source: ours, after a replay of recorded samples (docs/curriculum.md): what predicts that a task will be solved is
    that some of its examples are, and that it is short. Rewards are the share of the examples that a sample solves.

    Args:
        difficulty: prior of each task, any unit; such as the length of its examples.
        first: samples of every task before any gets more.
        most: samples of a task, after which it is given up.
        enough: rewards of 1, after which a task is solved.
        width: from so many of the best tasks the next is drawn.
    """

    name = "prospects"
    starves = "tasks that are solved or given up are not drawn while others are open"
    unit = True
    kept = ("made", "best", "solving")

    def __init__(
        self,
        difficulty: Mapping[str, float],
        *,
        first: int = 16,
        most: int = 64,
        enough: int = 1,
        width: int = 8,
    ) -> None:
        super().__init__(difficulty)
        if not 0 < first <= most or width < 1:
            raise CurriculumError(f"first {first} samples, then up to {most}: take 1 <= first <= most, and a width")
        self.difficulty = values_for(self.tasks, difficulty, "difficulty")
        self.first, self.most, self.enough, self.width = first, most, enough, width
        self.made = dict.fromkeys(self.tasks, 0)
        self.best = dict.fromkeys(self.tasks, 0.0)
        self.solving = dict.fromkeys(self.tasks, 0)

    def open(self, task: str) -> bool:
        """Return whether the task is neither solved nor given up."""
        return self.solving[task] < self.enough and self.made[task] < self.most

    def sample(self, rng: np.random.Generator) -> str:
        """See `Teacher.sample`."""
        tasks = [task for task in self.tasks if self.open(task)]
        begun = [task for task in tasks if self.made[task] >= self.first]
        if len(begun) < len(tasks):
            return pick(rng, [task for task in tasks if self.made[task] < self.first])
        best = sorted(begun, key=lambda task: (-self.best[task], self.difficulty[task]))
        return pick(rng, best[: self.width] or self.tasks)

    def learn(self, task: str, rewards: Sequence[float]) -> None:
        """Note what the samples brought."""
        self.made[task] += len(rewards)
        self.best[task] = max(self.best[task], *rewards)
        self.solving[task] += sum(reward == 1 for reward in rewards)

    def allocate(self, tasks: Sequence[str], total: int) -> dict[str, int]:
        """Return samples in even parts, up to what each task lacks of its first or of its last; more where it must be.

        Raises:
            CurriculumError: there are fewer samples than tasks, or a task is none of its own.
        """
        for task in tasks:
            self.check(task)
        if not tasks or total < len(tasks):
            raise CurriculumError(f"{total} samples for {len(tasks)} tasks: take one task or more, and one sample each")
        given = dict.fromkeys(tasks, 1)
        for _ in range(total - len(given)):
            lacking = [task for task in tasks if self.made[task] + given[task] < self._goal(task)] or tasks
            task = min(lacking, key=lambda one: given[one])
            given[task] += 1
        return given

    def metrics(self) -> dict[str, float]:
        """Also the shares of the tasks that are solved, and given up; samples made a task."""
        solved = sum(self.solving[task] >= self.enough for task in self.tasks)
        ended = sum(not self.open(task) for task in self.tasks)
        shares = {"solved": solved / len(self.tasks), "given_up": (ended - solved) / len(self.tasks)}
        return super().metrics() | shares | {"samples": mean(list(self.made.values()))}

    def _goal(self, task: str) -> int:
        return self.first if self.made[task] < self.first else self.most
