"""Teachers that stay where success is neither certain nor out of reach: VCRL with replay, the balanced filter."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from soar.curriculum.base import BaseTeacher, CurriculumError, mean, pick
from soar.curriculum.steps import evenly


class VCRL(BaseTeacher):
    """Tasks whose group variance is at least kappa of the largest possible go into a memory bank and are replayed.

    Source: VCRL (Jiang et al. 2025, arXiv 2509.19803), variance-based dynamic sampling and replay learning. The
    variance of k successes in n rollouts, by its maximum, is about 4 p (1 - p); priorities are its running mean.

    Args:
        tasks: ids.
        kappa: variance, in units of the largest, from which a task is kept.
        memory: tasks in the bank at most; those of lowest priority give way.
        replay: share of the draws that comes from the bank, in proportion to priority; the rest is uniform.
        momentum: weight of the past in a priority.
    """

    name = "vcrl"
    unit = True
    kept = ("bank",)

    def __init__(
        self,
        tasks: Iterable[str],
        *,
        kappa: float = 0.3,
        memory: int = 256,
        replay: float = 0.5,
        momentum: float = 0.5,
    ) -> None:
        super().__init__(tasks)
        self.kappa, self.memory, self.replay, self.momentum = kappa, memory, replay, momentum
        self.bank: dict[str, float] = {}

    def sample(self, rng: np.random.Generator) -> str:
        """See `Teacher.sample`."""
        if self.bank and rng.random() < self.replay:
            return pick(rng, list(self.bank), list(self.bank.values()))
        return pick(rng, self.tasks)

    def learn(self, task: str, rewards: Sequence[float]) -> None:
        """Keep the task in the bank, or take it out."""
        now = relative_variance(rewards)
        before = self.bank.pop(task, None)
        priority = now if before is None else self.momentum * before + (1 - self.momentum) * now
        if now >= self.kappa:
            self.bank[task] = priority
        if len(self.bank) > self.memory:
            del self.bank[min(self.bank, key=lambda one: self.bank[one])]

    def metrics(self) -> dict[str, float]:
        """Also the share of the tasks in the bank."""
        return super().metrics() | {"bank": len(self.bank) / len(self.tasks)}


class BalancedFilter(BaseTeacher):
    """A few pilot rollouts first; tasks with low < mean reward < high are admitted, and visited next with full groups.

    Source: online difficulty filtering (Bae et al. 2025, arXiv 2504.03380), balanced filtering. There every prompt
    gets a full group, and what is out of range is thrown away; here a pilot decides, and is part of the budget.

    Args:
        tasks: ids.
        low, high: bounds of the mean reward, themselves left out.
        pilot: rollouts of a task that is not admitted.
        explore: share of the draws that goes to tasks that are not admitted, if there are others.
    """

    name = "filter"
    unit = True
    kept = ("admitted",)

    def __init__(
        self, tasks: Iterable[str], *, low: float = 0.1, high: float = 0.9, pilot: int = 4, explore: float = 0.5
    ) -> None:
        super().__init__(tasks)
        if pilot < 1:
            raise CurriculumError(f"a pilot of {pilot} rollouts says nothing: take at least 1")
        self.low, self.high, self.pilot, self.explore = low, high, pilot, explore
        self.admitted: list[str] = []

    def sample(self, rng: np.random.Generator) -> str:
        """See `Teacher.sample`. What was admitted first comes first; it stays so until its next update."""
        others = [task for task in self.tasks if task not in self.admitted]
        if not self.admitted or (others and rng.random() < self.explore):
            return pick(rng, others)
        self.admitted.append(self.admitted.pop(0))
        return self.admitted[-1]

    def learn(self, task: str, rewards: Sequence[float]) -> None:
        """Admit the task, or not."""
        inside = self.low < mean(rewards) < self.high
        if inside and task not in self.admitted:
            self.admitted.append(task)
        elif not inside and task in self.admitted:
            self.admitted.remove(task)

    def allocate(self, tasks: Sequence[str], total: int) -> dict[str, int]:
        """Return a pilot for each task that is not admitted, and the rest in even parts for those that are.

        Where none is admitted, or the total is too small for that, all get the same.

        Raises:
            CurriculumError: there are fewer rollouts than tasks, or a task is none of its own.
        """
        for task in tasks:
            self.check(task)
        chosen = [task for task in tasks if task in self.admitted]
        spent = self.pilot * (len(tasks) - len(chosen))
        if not chosen or total - spent < self.pilot * len(chosen):
            return evenly(tasks, total)
        full = evenly(chosen, total - spent)
        return {task: full.get(task, self.pilot) for task in tasks}

    def metrics(self) -> dict[str, float]:
        """Also the share of the tasks that is admitted."""
        return super().metrics() | {"admitted": len(self.admitted) / len(self.tasks)}


def relative_variance(rewards: Sequence[float]) -> float:
    """The variance of rewards in [0, 1] by the largest that so many can have: 0 to 1, at 0/1 rewards 4 p (1 - p)."""
    n, middle = len(rewards), mean(rewards)
    largest = (n // 2) * (n - n // 2) / n
    return sum((reward - middle) ** 2 for reward in rewards) / largest if largest else 0.0
