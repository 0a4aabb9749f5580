"""Which task next, for search and for learning: teachers, and how hard tasks are."""

from __future__ import annotations

from soar.curriculum.allocation import DSC, Knapsack
from soar.curriculum.bandits import DUMP, SEC, LearningProgress
from soar.curriculum.base import Allocator, CurriculumError, Finite, Teacher
from soar.curriculum.difficulty import Difficulty, estimate, estimates, ranked
from soar.curriculum.features import task_features
from soar.curriculum.fixed import Stage, Stages, TestTimeCurriculum, Uniform, eps, rps
from soar.curriculum.frontier import VCRL, BalancedFilter
from soar.curriculum.groups import group_by_difficulty
from soar.curriculum.matching import CDAS, AdaRFT
from soar.curriculum.mixture import ALPGMM
from soar.curriculum.named import TEACHERS, Known, make_teacher
from soar.curriculum.prospects import Prospects
from soar.curriculum.record import Record, read_record
from soar.curriculum.steps import draw_rows, plan_step

__all__ = [
    "ALPGMM",
    "CDAS",
    "DSC",
    "DUMP",
    "SEC",
    "TEACHERS",
    "VCRL",
    "AdaRFT",
    "Allocator",
    "BalancedFilter",
    "CurriculumError",
    "Difficulty",
    "Finite",
    "Knapsack",
    "Known",
    "LearningProgress",
    "Prospects",
    "Record",
    "Stage",
    "Stages",
    "Teacher",
    "TestTimeCurriculum",
    "Uniform",
    "draw_rows",
    "eps",
    "estimate",
    "estimates",
    "group_by_difficulty",
    "make_teacher",
    "plan_step",
    "ranked",
    "read_record",
    "rps",
    "task_features",
]
