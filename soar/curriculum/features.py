"""A task as a vector, from its examples alone: what is near may be learned alike."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from soar.curriculum.base import CurriculumError
from soar.tasks.task import Task
from soar.tasks.values import COLOURS

FEATURES = ("log cells in", "log cells out", "same size", "colours in", "colours out", "new colours", "cells kept")


def task_features(task: Task) -> NDArray[np.float64]:
    """Return means over the examples of a task of grids, shape (7,), in the order of `FEATURES`; no test is read.

    Cells kept: the share of cells that stay the same, 0 where sizes differ.

    Raises:
        CurriculumError: the task has no examples, or values that are no grids.
    """
    if not task.train or not task.without_test_outputs().is_grid:
        raise CurriculumError(f"task {task.id!r} has no grids to compare: give features of your own")
    pairs = [_pair(np.array(one.input), np.array(one.output)) for one in task.train]
    found: NDArray[np.float64] = np.array(pairs, dtype=np.float64).mean(axis=0)
    return found


def _pair(before: Any, after: Any) -> list[float]:
    same = before.shape == after.shape
    colours, left = set(before.flat), set(after.flat)
    return [
        float(np.log(before.size)),
        float(np.log(after.size)),
        float(same),
        len(colours) / COLOURS,
        len(left) / COLOURS,
        len(left - colours) / COLOURS,
        float((before == after).mean()) if same else 0.0,
    ]
