"""Groups of tasks, the arms of the bandits: given (families, sources), or made from difficulty."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from soar.curriculum.base import CurriculumError, values_for


def group_by_difficulty(difficulty: Mapping[str, float], n: int) -> dict[str, str]:
    """Return a group for each task: n bins of equal size, "1" the easiest; among equals the id decides.

    Raises:
        CurriculumError: there are fewer tasks than bins.
    """
    if not 1 <= n <= len(difficulty):
        raise CurriculumError(f"{len(difficulty)} tasks do not make {n} groups: ask for 1 to {len(difficulty)}")
    order = sorted(difficulty, key=lambda task: (difficulty[task], task))
    width = len(str(n))
    return {task: f"{place * n // len(order) + 1:0{width}d}" for place, task in enumerate(order)}


def members(tasks: Sequence[str], groups: Mapping[str, str] | None) -> dict[str, list[str]]:
    """Return the tasks of each group, in order; None: each task is a group of its own.

    Raises:
        CurriculumError: a task has no group.
    """
    found: dict[str, list[str]] = {}
    of = values_for(tasks, groups, "group") if groups is not None else {task: task for task in tasks}
    for task, group in of.items():
        found.setdefault(group, []).append(task)
    return found
