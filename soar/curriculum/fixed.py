"""Plans that read no rewards: uniform, in stages from easy to hard, the tasks nearest the targets."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from soar.curriculum.base import BaseTeacher, CurriculumError, pick


class Uniform(BaseTeacher):
    """Uniform sampling: every task is as likely as any other. What all others are measured against."""

    name = "uniform"

    def sample(self, rng: np.random.Generator) -> str:
        """See `Teacher.sample`."""
        return pick(rng, self.tasks)


@dataclass(frozen=True, slots=True)
class Stage:
    """A part of a plan in stages.

    Attributes:
        tasks: drawn in it, none twice before all were drawn.
        visits: after so many updates the next stage begins; the last stage has no end.
        rate: what the learning rate is multiplied by ("plasticity").
    """

    tasks: Sequence[str]
    visits: int
    rate: float = 1.0


class Stages(BaseTeacher):
    """Staged data: first the tasks of one stage, then those of the next, without replay of earlier ones.

    Source: the notes on RPS and EPS (regressive and equal plasticity schedules), training setup; see `rps` and `eps`.

    Raises:
        CurriculumError: no stage, a stage without tasks or visits, or a task in two of them.
    """

    name = "stages"
    starves = "tasks of a stage that is over are not drawn again (no replay)"
    kept = ("left",)

    def __init__(self, stages: Sequence[Stage]) -> None:
        super().__init__(task for stage in stages for task in stage.tasks)
        if empty := [place for place, stage in enumerate(stages, 1) if not stage.tasks or stage.visits < 1]:
            raise CurriculumError(f"stage {empty[0]} has no tasks or no visits: give at least one of each")
        self.stages = tuple(stages)
        self.left: list[str] = []

    @property
    def stage(self) -> int:
        """Number of the present stage, from 0."""
        done, ends = sum(self.visits.values()), np.cumsum([stage.visits for stage in self.stages[:-1]])
        return int((ends <= done).sum())

    @property
    def rate(self) -> float:
        """What the learning rate is multiplied by now."""
        return self.stages[self.stage].rate

    def sample(self, rng: np.random.Generator) -> str:
        """See `Teacher.sample`."""
        tasks = self.stages[self.stage].tasks
        self.left = [task for task in self.left if task in tasks] or list(tasks)
        return self.left.pop(int(rng.integers(len(self.left))))

    def metrics(self) -> dict[str, float]:
        """Also the stage and its rate."""
        return super().metrics() | {"stage": float(self.stage), "rate": self.rate}


def rps(easy: Sequence[str], hard: Sequence[str], visits: tuple[int, int] = (400, 600)) -> Stages:
    """Regressive plasticity schedule: easy tasks at the full rate, then hard ones at a tenth of it.

    The notes have 400 pairs of 400 easy tasks, then 600 pairs of 250 hard ones, at rates of 1e-5 and 1e-6.
    """
    return Stages([Stage(easy, visits[0], 1.0), Stage(hard, visits[1], 0.1)])


def eps(easy: Sequence[str], hard: Sequence[str], visits: tuple[int, int] = (400, 600)) -> Stages:
    """Equal plasticity schedule, the control of `rps`: the same stages, both at the full rate."""
    return Stages([Stage(easy, visits[0], 1.0), Stage(hard, visits[1], 1.0)])


class TestTimeCurriculum(BaseTeacher):
    """Test-time curriculum (TTC): of a pool, only the tasks nearest the target tasks, each of these alike.

    Source: TTC-RL (Hübotter et al. 2025, arXiv 2510.04786), selection of the curriculum. The paper selects by
    SIFT, which also avoids what is redundant; here nearness alone decides, the targets choosing in turn.

    Args:
        features: a vector for every task of the pool, such as `soar.curriculum.features.task_features`.
        targets: a vector for every target task, of the same length.
        n: tasks that are selected.

    Raises:
        CurriculumError: no targets, vectors of different lengths, or a pool smaller than n.
    """

    __test__ = False  # no test, whatever pytest takes it for
    name = "ttc"
    starves = "tasks of the pool that are far from all targets are never drawn: they are none of its `tasks`"

    def __init__(self, features: Mapping[str, ArrayLike], targets: Mapping[str, ArrayLike], n: int) -> None:
        super().__init__(nearest(features, targets, n))

    def sample(self, rng: np.random.Generator) -> str:
        """See `Teacher.sample`."""
        return pick(rng, self.tasks)


def nearest(features: Mapping[str, ArrayLike], targets: Mapping[str, ArrayLike], n: int) -> list[str]:
    """Return n ids of the pool: each target in turn takes its nearest (Euclidean, columns standardised)."""
    if not targets or not 1 <= n <= len(features):
        raise CurriculumError(f"a pool of {len(features)} tasks, {len(targets)} targets: select 1 to {len(features)}")
    pool, wanted = matrix(features), matrix(targets)
    if pool.shape[1] != wanted.shape[1]:
        raise CurriculumError(
            f"features have {pool.shape[1]} numbers, those of targets {wanted.shape[1]}: use one kind"
        )
    centre, spread = pool.mean(axis=0), pool.std(axis=0)
    spread[spread == 0] = 1.0
    apart = (((pool - centre) / spread)[None] - ((wanted - centre) / spread)[:, None]) ** 2
    orders = np.argsort(apart.sum(axis=2), axis=1, kind="stable")
    ids = list(features)
    in_turn: Iterable[str] = (ids[int(place)] for rank in orders.T for place in rank)
    return list(dict.fromkeys(in_turn))[:n]


def matrix(features: Mapping[str, ArrayLike]) -> np.ndarray:
    """Return (tasks, numbers). Raises CurriculumError where vectors differ in length or hold NaN."""
    rows = [np.atleast_1d(np.asarray(vector, dtype=np.float64)) for vector in features.values()]
    if len({row.shape for row in rows}) != 1 or not all(np.isfinite(row).all() for row in rows):
        raise CurriculumError("features are vectors of one length without NaN: compute all of them in one way")
    return np.stack(rows)
