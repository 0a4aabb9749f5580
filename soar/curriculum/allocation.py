"""How many rollouts each task gets: knapsack by learning value, difficulty-adaptive self-consistency by votes."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from scipy.special import betainc

from soar.curriculum.base import BaseTeacher, CurriculumError, mean, pick, values_for
from soar.curriculum.steps import evenly


class Knapsack(BaseTeacher):
    """Rollouts go one by one to where (1 - p^n - (1 - p)^n) p (1 - p)^2 grows most; tasks are drawn uniformly.

    Source: Knapsack RL (Li et al. 2025, arXiv 2509.25849), task value and budget allocation: the first factor is the
    chance that n rollouts differ, so that there is a gradient, the second what is gained then. The gain falls with
    every further rollout from the second on, so the greedy choice is the best one.

    Args:
        tasks: ids.
        low, high: rollouts of a task at least, at most; more where the total leaves no choice.
        memory: weight of the past in the counts that p is estimated from.
    """

    name = "knapsack"
    unit = True
    kept = ("counts",)

    def __init__(self, tasks: Iterable[str], *, low: int = 2, high: int = 128, memory: float = 0.5) -> None:
        super().__init__(tasks)
        if not 1 <= low <= high:
            raise CurriculumError(f"between {low} and {high} rollouts a task: take 1 <= low <= high")
        self.low, self.high, self.memory = low, high, memory
        self.counts = {task: [0.0, 0.0] for task in self.tasks}  # rewards, rollouts

    def sample(self, rng: np.random.Generator) -> str:
        """See `Teacher.sample`."""
        return pick(rng, self.tasks)

    def learn(self, task: str, rewards: Sequence[float]) -> None:
        """Add to the counts."""
        gained, made = self.counts[task]
        self.counts[task] = [self.memory * gained + sum(rewards), self.memory * made + len(rewards)]

    def rate(self, task: str) -> float:
        """Return the estimated success rate, never 0 or 1: half a success and half a failure are added."""
        gained, made = self.counts[task]
        return (gained + 0.5) / (made + 1)

    def allocate(self, tasks: Sequence[str], total: int) -> dict[str, int]:
        """Return rollouts by task, `total` in all.

        Raises:
            CurriculumError: the total is too small, or a task is none of its own.
        """
        for task in tasks:
            self.check(task)
        if not tasks or total < self.low * len(tasks):
            raise CurriculumError(
                f"{total} rollouts for {len(tasks)} tasks at {self.low} or more each: take more, or fewer tasks"
            )
        high = max(self.high, -(-total // len(tasks)))
        given = dict.fromkeys(tasks, self.low)
        rates = {task: self.rate(task) for task in tasks}
        heap = [(-gain(self.low, rates[task]), place, task) for place, task in enumerate(tasks)]
        heapq.heapify(heap)
        for _ in range(total - self.low * len(tasks)):
            _, place, task = heapq.heappop(heap)
            given[task] += 1
            if given[task] < high:
                heapq.heappush(heap, (-gain(given[task], rates[task]), place, task))
        return given


class DSC(BaseTeacher):
    """Samples until the vote is settled: one for easy tasks, for others a window guessed from like ones, then doubled.

    Source: difficulty-adaptive self-consistency (Wang et al. 2025, arXiv 2408.13457), its three steps: difficulty
    ranking (here given, the prior), problem partition, sample size pre-allocation and expansion (the posterior). A vote
    is settled when the leading answer beats the second with probability `sure`: the Beta criterion of adaptive
    consistency (Aggarwal et al. 2023, arXiv 2305.11860).

    Rewards stand for answers where these are not at hand: those of 1 agree, each other one is an answer of its own.

    Args:
        difficulty: prior of each task, any unit.
        easy: share of the tasks, the easiest by the prior, that are done after one sample.
        window: first samples of other tasks, while no like one is done.
        most: samples of a task, after which it is done whatever the vote.
        sure: see above.
        neighbours: tasks nearest by prior that are done, whose mean is the first window.
    """

    name = "dsc"
    starves = "a task whose vote is settled is not drawn again while others are open"
    kept = ("votes", "made", "done")

    def __init__(
        self,
        difficulty: Mapping[str, float],
        *,
        easy: float = 0.0,
        window: int = 4,
        most: int = 64,
        sure: float = 0.95,
        neighbours: int = 4,
    ) -> None:
        super().__init__(difficulty)
        self.order = sorted(self.tasks, key=lambda task: (difficulty[task], task))
        self.difficulty = values_for(self.tasks, difficulty, "difficulty")
        self.easy = frozenset(self.order[: int(easy * len(self.order))])
        self.window, self.most, self.sure, self.neighbours = window, most, sure, neighbours
        self.votes: dict[str, dict[str, int]] = {task: {} for task in self.tasks}
        self.made = dict.fromkeys(self.tasks, 0)
        self.done = dict.fromkeys(self.tasks, False)

    def sample(self, rng: np.random.Generator) -> str:
        """See `Teacher.sample`: a task that is open; any, where none is."""
        return pick(rng, [task for task in self.tasks if not self.settled(task)] or self.tasks)

    def learn(self, task: str, rewards: Sequence[float]) -> None:
        """Count rewards as answers."""
        made = self.made[task]
        self._count(task, [">=1" if reward >= 1 else f"{made + place}" for place, reward in enumerate(rewards)])

    def vote(self, task: str, answers: Sequence[str | None]) -> None:
        """Count the answers of one visit instead of rewards; None is a sample that gave none. See `update`."""
        self.check(task)
        self._count(task, answers)
        self.visits[task] += 1

    def settled(self, task: str) -> bool:
        """Return whether the task needs no more samples."""
        return self.done[task]

    def open(self, task: str) -> bool:
        """See `Finite.open`."""
        return not self.settled(task)

    def wanted(self, task: str) -> int:
        """Return the samples of the next window: 0 where it is settled, else as many as it had, at first see above."""
        if self.settled(task):
            return 0
        if task in self.easy:
            return 1
        first = self.made[task] or self._predicted(task)
        return min(first, self.most - self.made[task])

    def allocate(self, tasks: Sequence[str], total: int) -> dict[str, int]:
        """Return windows, the hardest first, and what is left in even parts to the open tasks; `total` in all.

        Raises:
            CurriculumError: there are no tasks, or no rollouts; or a task is none of its own.
        """
        for task in tasks:
            self.check(task)
        if not tasks or total < 1:
            raise CurriculumError(f"{total} rollouts for {len(tasks)} tasks: take at least one of each")
        given, left = dict.fromkeys(tasks, 0), total
        for task in sorted(given, key=lambda one: (-self.difficulty[one], one)):
            given[task] = min(self.wanted(task), left)
            left -= given[task]
        if left:
            still = [task for task in given if not self.settled(task)] or list(given)
            for task, more in evenly(still[:left], left).items():
                given[task] += more
        return {task: count for task, count in given.items() if count}

    def metrics(self) -> dict[str, float]:
        """Also the share of the tasks that is settled, and samples made a task."""
        settled = sum(map(self.settled, self.tasks))
        return super().metrics() | {"settled": settled / len(self.tasks), "samples": mean(list(self.made.values()))}

    def _count(self, task: str, answers: Sequence[str | None]) -> None:
        counts = Counter(answer for answer in answers if answer is not None)
        for answer, count in counts.items():
            self.votes[task][answer] = self.votes[task].get(answer, 0) + count
        self.made[task] += len(answers)
        spent = self.made[task] >= (1 if task in self.easy else self.most)
        self.done[task] = spent or confidence(self.votes[task]) >= self.sure

    def _predicted(self, task: str) -> int:
        """What the nearest settled tasks needed, rounded up; the window where there are none."""
        done = [one for one in self.tasks if one not in self.easy and self.made[one] and self.settled(one)]
        near = sorted(done, key=lambda one: (abs(self.difficulty[one] - self.difficulty[task]), one))
        needed = [self.made[one] for one in near[: self.neighbours]]
        return max(1, min(self.most, round(mean(needed)))) if needed else self.window


def gain(n: int, p: float) -> float:
    """What rollout n + 1 adds to the value (1 - p^n - (1 - p)^n) p (1 - p)^2 of a task."""
    return (p**n * (1 - p) + (1 - p) ** n * p) * p * (1 - p) ** 2


def confidence(votes: Mapping[str, int]) -> float:
    """The chance that the leading answer beats the second, from a flat prior over their shares; 0 without votes."""
    first, second = [*sorted(votes.values(), reverse=True), 0, 0][:2]
    return float(betainc(second + 1, first + 1, 0.5)) if first else 0.0
