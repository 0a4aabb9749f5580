"""Teachers by name: what the command line offers."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from numpy.typing import ArrayLike

from soar.curriculum.allocation import DSC, Knapsack
from soar.curriculum.bandits import DUMP, SEC, LearningProgress
from soar.curriculum.base import BaseTeacher, CurriculumError, values_for
from soar.curriculum.fixed import Stage, Stages, TestTimeCurriculum, Uniform
from soar.curriculum.frontier import VCRL, BalancedFilter
from soar.curriculum.groups import group_by_difficulty
from soar.curriculum.matching import CDAS, AdaRFT
from soar.curriculum.mixture import ALPGMM
from soar.curriculum.prospects import Prospects
from soar.curriculum.record import Record

GROUPS = 5


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of tasks before a teacher begins; teachers take what they need.

    Attributes:
        tasks: ids.
        difficulty: of each in [0, 1], such as `soar.curriculum.difficulty.ranked`; None: unknown.
        groups: of each; None: five groups by difficulty where that is known, else each task is one.
        features: of each, a vector; None: unknown.
        targets: features of the target tasks.
        visits: of the first of two stages: the easier half of the tasks.
        path: where a record is kept.
        share: completions of each task, were they divided evenly, by which budgets of searches are measured.
    """

    tasks: Sequence[str]
    difficulty: Mapping[str, float] | None = None
    groups: Mapping[str, str] | None = None
    features: Mapping[str, ArrayLike] | None = None
    targets: Mapping[str, ArrayLike] | None = None
    visits: int = 400
    path: str | Path | None = None
    share: int = 32

    def hardness(self) -> dict[str, float]:
        """Return the difficulty of each task. Raises CurriculumError where it is not known."""
        if self.difficulty is None:
            raise CurriculumError("this teacher needs the tasks' difficulty: give an archive to estimate it from")
        return values_for(self.tasks, self.difficulty, "difficulty")

    def arms(self) -> dict[str, str] | None:
        """Return the group of each task; None where each is one."""
        if self.groups is not None:
            return values_for(self.tasks, self.groups, "group")
        if self.difficulty is None:
            return None
        return self._sorted_into(GROUPS)

    def vectors(self) -> dict[str, ArrayLike]:
        """Return the features of each task. Raises CurriculumError where they are not known."""
        if self.features is None:
            raise CurriculumError(
                "this teacher needs features of the tasks, which soar.curriculum.task_features makes of grids: "
                "give them, or take another teacher"
            )
        return values_for(self.tasks, self.features, "features")

    def halves(self) -> tuple[list[str], list[str]]:
        """Return the easier half of the tasks, and the harder one."""
        groups = self._sorted_into(2)
        parts = [[task for task in self.tasks if groups[task] == half] for half in ("1", "2")]
        return parts[0], parts[1]

    def _sorted_into(self, n: int) -> dict[str, str]:
        hardness = self.hardness()
        if len(hardness) < n:
            raise CurriculumError(
                f"this teacher sorts tasks into {n} groups by difficulty, and there are {len(self.tasks)}: "
                "give more tasks, or take a teacher without groups (uniform, record, prospects)"
            )
        return group_by_difficulty(hardness, n)


def _staged(known: Known, rate: float) -> Stages:
    easy, hard = known.halves()
    return Stages([Stage(easy, known.visits), Stage(hard, known.visits, rate)])


TEACHERS: dict[str, Callable[[Known], BaseTeacher]] = {
    "uniform": lambda known: Uniform(known.tasks),
    "record": lambda known: Record(known.tasks, known.path),
    "record-notes": lambda known: Record.notes(known.tasks, known.path),
    "rps": lambda known: _staged(known, 0.1),
    "eps": lambda known: _staged(known, 1.0),
    "adarft": lambda known: AdaRFT(known.hardness()),
    "sec": lambda known: SEC(known.tasks, known.arms()),
    "dump": lambda known: DUMP(known.tasks, known.arms()),
    "vcrl": lambda known: VCRL(known.tasks),
    "filter": lambda known: BalancedFilter(known.tasks),
    "cdas": lambda known: CDAS(known.tasks),
    "knapsack": lambda known: Knapsack(known.tasks),
    "alp": lambda known: LearningProgress(known.tasks, known.arms()),
    "alp-gmm": lambda known: ALPGMM(known.vectors()),
    "dsc": lambda known: DSC(known.hardness(), most=2 * known.share),
    "prospects": lambda known: Prospects(
        known.difficulty or dict.fromkeys(known.tasks, 0.0), first=max(known.share // 2, 1), most=2 * known.share
    ),
    "ttc": lambda known: TestTimeCurriculum(known.vectors(), known.targets or {}, max(1, len(known.tasks) // 4)),
}


def make_teacher(name: str, known: Known) -> BaseTeacher:
    """Return the teacher of this name, with its usual options.

    Raises:
        CurriculumError: there is none of that name, or it needs what is not known of the tasks.
    """
    if name not in TEACHERS:
        near = difflib.get_close_matches(name, TEACHERS, n=1)
        hint = f"; nearest: {near[0]}" if near else ""
        raise CurriculumError(f"no teacher is called {name!r}{hint}. Teachers: {', '.join(TEACHERS)}")
    return TEACHERS[name](known)
