"""Teachers that match difficulty to the student: AdaRFT moves a target, CDAS estimates both sides."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from soar.curriculum.base import BaseTeacher, CurriculumError, mean, values_for


class AdaRFT(BaseTeacher):
    """Target difficulty T += eta * tanh(alpha * (reward - beta)); the next task is one of those nearest to T.

    Source: AdaRFT (Shi et al. 2025, arXiv 2504.05520). The paper moves T by eta = 50 (of 100) after
    a batch of 1,024 prompts and takes the batch nearest to T; here every group moves it, so the step is smaller, and
    one of the `nearest` tasks is drawn evenly.

    Args:
        difficulty: of each task, in [0, 1].
        eta: step size. alpha: sensitivity. beta: target reward.
        nearest: from so many tasks the next is drawn.
        start: target difficulty at first.
    """

    name = "adarft"
    starves = "tasks far from the target difficulty are not drawn until it comes to them"
    unit = True
    kept = ("target",)

    def __init__(
        self,
        difficulty: Mapping[str, float],
        *,
        eta: float = 0.05,
        alpha: float = 2.0,
        beta: float = 0.5,
        nearest: int = 16,
        start: float = 0.0,
    ) -> None:
        super().__init__(difficulty)
        if wrong := [task for task, value in difficulty.items() if not 0 <= value <= 1]:
            raise CurriculumError(f"difficulty of task {wrong[0]!r} is {difficulty[wrong[0]]}: scale it to [0, 1]")
        self.difficulty = dict(difficulty)
        self.eta, self.alpha, self.beta, self.nearest = eta, alpha, beta, nearest
        self.target = start

    def sample(self, rng: np.random.Generator) -> str:
        """See `Teacher.sample`."""
        return _one_near(
            rng, self.tasks, [abs(self.difficulty[task] - self.target) for task in self.tasks], self.nearest
        )

    def learn(self, task: str, rewards: Sequence[float]) -> None:
        """Move the target."""
        moved = self.target + self.eta * math.tanh(self.alpha * (mean(rewards) - self.beta))
        self.target = min(max(moved, min(self.difficulty.values())), max(self.difficulty.values()))

    def metrics(self) -> dict[str, float]:
        """Also the target difficulty."""
        return super().metrics() | {"target_difficulty": self.target}


class CDAS(BaseTeacher):
    """Difficulty d: mean of sigmoid(C - d) - reward over visits; competence C = -mean d; draw near C, on both sides.

    Source: CDAS (Kong et al. 2025, arXiv 2505.17652), fixed-point system and symmetric sampling: half of the draws go
    to the tasks just above the competence, half to those just below. Batches in the paper, here one of the `nearest`
    of a side.

    Args:
        tasks: ids.
        nearest: from so many tasks of a side the next is drawn.
        difficulty: where known, in the paper's units (0 is average, 1 is never solved where it should be); else 0.
    """

    name = "cdas"
    starves = "tasks whose estimated difficulty is far from the competence are not drawn until it comes to them"
    unit = True
    kept = ("difficulty", "competence")

    def __init__(
        self, tasks: Iterable[str], *, nearest: int = 16, difficulty: Mapping[str, float] | None = None
    ) -> None:
        super().__init__(tasks)
        none = dict.fromkeys(self.tasks, 0.0)
        self.difficulty = none if difficulty is None else values_for(self.tasks, difficulty, "difficulty")
        self.competence = -mean(list(self.difficulty.values()))
        self.nearest = nearest

    def sample(self, rng: np.random.Generator) -> str:
        """See `Teacher.sample`."""
        above = rng.random() < 0.5
        side = [task for task in self.tasks if (self.difficulty[task] > self.competence) == above] or self.tasks
        return _one_near(rng, side, [abs(self.difficulty[task] - self.competence) for task in side], self.nearest)

    def learn(self, task: str, rewards: Sequence[float]) -> None:
        """Update the task's difficulty, and with it the competence."""
        before, n = self.difficulty[task], self.visits[task]
        expected = 1 / (1 + math.exp(before - self.competence))
        self.difficulty[task] = (n * before + expected - mean(rewards)) / (n + 1)
        self.competence -= (self.difficulty[task] - before) / len(self.tasks)

    def metrics(self) -> dict[str, float]:
        """Also the competence."""
        return super().metrics() | {"competence": self.competence}


def _one_near(rng: np.random.Generator, tasks: Sequence[str], distances: Sequence[float], n: int) -> str:
    """One of the n tasks with the smallest distances; of equal ones chance decides which belong to them."""
    order = np.lexsort((rng.random(len(tasks)), np.asarray(distances)))
    return tasks[int(order[int(rng.integers(min(n, len(tasks))))])]
