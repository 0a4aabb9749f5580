"""Every teacher, over a few tasks, with what it wants to know of them."""

from __future__ import annotations

from typing import Any

import numpy as np

from soar.curriculum import TEACHERS, Known, make_teacher
from soar.curriculum.base import BaseTeacher

NAMES = tuple(TEACHERS)


def known(n: int, **more: Any) -> Known:
    """n tasks, harder and harder."""
    tasks = [f"task{i:02d}" for i in range(n)]
    difficulty = {task: i / max(1, n - 1) for i, task in enumerate(tasks)}
    features = {task: [float(i), float(i % 3)] for i, task in enumerate(tasks)}
    targets = {"target": [float(n), 1.0]}
    return Known(tasks, difficulty, features=features, targets=targets, **{"visits": 2 * n, **more})


def make(name: str, n: int = 12, **more: Any) -> BaseTeacher:
    """A teacher by name."""
    return make_teacher(name, known(n, **more))


def drawn(teacher: BaseTeacher, n: int, seed: int = 0) -> list[str]:
    """n draws in a row."""
    rng = np.random.default_rng(seed)
    return [teacher.sample(rng) for _ in range(n)]
