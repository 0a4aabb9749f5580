"""Bandits over groups of tasks: what is worth a visit is learned for the group; within it all tasks are alike."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from typing import ClassVar

import numpy as np

from soar.curriculum.base import BaseTeacher, advantage, mean, pick
from soar.curriculum.groups import members


class GroupTeacher(BaseTeacher):
    """Draws a group by weight, and of it one task.

    Args:
        tasks: ids.
        groups: the group of each task, see `soar.curriculum.groups`; None: each task is a group.
    """

    def __init__(self, tasks: Iterable[str], groups: Mapping[str, str] | None = None) -> None:
        super().__init__(tasks)
        self.members = members(self.tasks, groups)
        self.group_of = {task: group for group, inside in self.members.items() for task in inside}

    @abstractmethod
    def weights(self) -> dict[str, float]:
        """Return what each group is drawn in proportion to."""

    def sample(self, rng: np.random.Generator) -> str:
        """See `Teacher.sample`."""
        weights = self.weights()
        return pick(rng, self.members[pick(rng, list(weights), list(weights.values()))])

    def metrics(self) -> dict[str, float]:
        """Also each group's share of the draws, up to 16 groups."""
        weights = self.weights() if len(self.members) <= 16 else {}
        total = sum(weights.values()) or 1.0
        return super().metrics() | {f"share/{group}": weight / total for group, weight in weights.items()}


class SEC(GroupTeacher):
    """Q(group) += a * (mean |advantage| - Q); groups are drawn from softmax(Q / temperature).

    Source: self-evolving curriculum (Chen et al. 2025, arXiv 2505.14970), its bandit: TD(0) and a Boltzmann policy.
    Advantages are rewards less their mean, not divided by their deviation.

    Args:
        tasks, groups: see `GroupTeacher`.
        rate: a. temperature: of the softmax.
    """

    name = "sec"
    kept = ("q",)

    def __init__(
        self,
        tasks: Iterable[str],
        groups: Mapping[str, str] | None = None,
        *,
        rate: float = 0.5,
        temperature: float = 0.1,
    ) -> None:
        super().__init__(tasks, groups)
        self.rate, self.temperature = rate, temperature
        self.q = dict.fromkeys(self.members, 0.0)

    def weights(self) -> dict[str, float]:
        """See `GroupTeacher.weights`."""
        return softmax(self.q, self.temperature)

    def learn(self, task: str, rewards: Sequence[float]) -> None:
        """Move the group's Q."""
        group = self.group_of[task]
        self.q[group] += self.rate * (advantage(rewards) - self.q[group])


class DUMP(GroupTeacher):
    """Upper confidence bound: mean |advantage| of the last 300 + sqrt(2 ln(N + 1) / (n + 1)), softmax over groups.

    Source: DUMP (Wang et al. 2025, arXiv 2504.09710). N and n count rollouts, of all groups and of
    this one.

    Args:
        tasks, groups: see `GroupTeacher`.
        window: advantages of a group that are remembered. temperature: of the softmax.
    """

    name = "dump"
    kept = ("recent", "rollouts")

    def __init__(
        self,
        tasks: Iterable[str],
        groups: Mapping[str, str] | None = None,
        *,
        window: int = 300,
        temperature: float = 0.1,
    ) -> None:
        super().__init__(tasks, groups)
        self.window, self.temperature = window, temperature
        self.recent: dict[str, list[float]] = {group: [] for group in self.members}
        self.rollouts = dict.fromkeys(self.members, 0)

    def weights(self) -> dict[str, float]:
        """See `GroupTeacher.weights`."""
        every = 2 * math.log(sum(self.rollouts.values()) + 1)
        bounds = {
            group: (mean(recent) if recent else 0.0) + math.sqrt(every / (self.rollouts[group] + 1))
            for group, recent in self.recent.items()
        }
        return softmax(bounds, self.temperature)

    def learn(self, task: str, rewards: Sequence[float]) -> None:
        """Remember the advantages."""
        group, middle = self.group_of[task], mean(rewards)
        self.recent[group] = [*self.recent[group], *(abs(reward - middle) for reward in rewards)][-self.window :]
        self.rollouts[group] += len(rewards)


class LearningProgress(GroupTeacher):
    """|fast - slow| mean of a group's rewards, and for a fifth of the draws all tasks alike.

    Source: absolute learning progress (ALP; Portelas et al. 2019, arXiv 1910.07224), as the distance of two running
    means (Kanitscheider et al. 2021, arXiv 2106.14876). For difficulty features instead of groups see `ALPGMM`.

    Args:
        tasks, groups: see `GroupTeacher`.
        fast, slow: rates of the two means. uniform: share of the draws that is uniform over the groups.
    """

    name = "alp"
    kept = ("means",)
    START: ClassVar[float] = 0.0  # of both means: a group whose first visit brings something has made progress

    def __init__(
        self,
        tasks: Iterable[str],
        groups: Mapping[str, str] | None = None,
        *,
        fast: float = 0.3,
        slow: float = 0.05,
        uniform: float = 0.2,
    ) -> None:
        super().__init__(tasks, groups)
        self.fast, self.slow, self.uniform = fast, slow, uniform
        self.means = {group: [self.START, self.START] for group in self.members}

    def weights(self) -> dict[str, float]:
        """See `GroupTeacher.weights`."""
        progress = {group: abs(fast - slow) for group, (fast, slow) in self.means.items()}
        total, even = sum(progress.values()), 1 / len(progress)
        if not total:
            return dict.fromkeys(progress, even)
        return {group: self.uniform * even + (1 - self.uniform) * one / total for group, one in progress.items()}

    def learn(self, task: str, rewards: Sequence[float]) -> None:
        """Move both means."""
        pair, middle = self.means[self.group_of[task]], mean(rewards)
        pair[0] += self.fast * (middle - pair[0])
        pair[1] += self.slow * (middle - pair[1])


def softmax(values: Mapping[str, float], temperature: float) -> dict[str, float]:
    """Return exp(value / temperature), scaled so that the largest is 1."""
    largest = max(values.values())
    return {name: math.exp((value - largest) / temperature) for name, value in values.items()}
