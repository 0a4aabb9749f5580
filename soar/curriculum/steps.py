"""What a step works on: tasks that a teacher draws, with rollouts that add up to the step's budget."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import numpy as np

from soar.curriculum.base import Allocator, CurriculumError, Teacher

DRAWS, IN_VAIN = 2, 20  # draws a row: of tasks that have rows, and of all


def plan_step(teacher: Teacher, rng: np.random.Generator, *, tasks: int, rollouts: int) -> dict[str, int]:
    """Return the tasks of a step, each with its rollouts, `rollouts` in all.

    A teacher that allocates says how many each task gets. With others every draw gets the same, so that a task drawn
    twice gets twice as many.

    Args:
        teacher: draws the tasks.
        rng: for this step alone, keyed by its place.
        tasks: draws. rollouts: of the step, at least one a draw; each of them is paid for.

    Raises:
        CurriculumError: there are fewer rollouts than tasks.
    """
    drawn = [teacher.sample(rng) for _ in range(tasks)]
    if isinstance(teacher, Allocator):
        return teacher.allocate(list(dict.fromkeys(drawn)), rollouts)
    return evenly(drawn, rollouts)


def evenly(tasks: Sequence[str], total: int) -> dict[str, int]:
    """Return `total` rollouts in equal parts; a task that comes twice gets two, what is left over goes to the first.

    Raises:
        CurriculumError: there are fewer rollouts than tasks.
    """
    if not tasks or total < len(tasks):
        raise CurriculumError(f"{total} rollouts for {len(tasks)} tasks: take at least one task, and one rollout each")
    part, over = divmod(total, len(tasks))
    shares = dict.fromkeys(tasks, 0)
    for place, task in enumerate(tasks):
        shares[task] += part + (place < over)
    return shares


def draw_rows(teacher: Teacher, rng: np.random.Generator, owners: Sequence[str]) -> list[int]:
    """Return which rows a teacher draws, ascending, each at most once.

    A draw takes the next row of the task, if there is one left. It ends after two draws a row, not counting those of
    tasks that have no rows at all; or after twenty in all. So a task that is drawn as often as others keeps nearly all
    of its rows, and one that is drawn seldom few.

    Args:
        teacher: draws tasks; it is told nothing.
        rng: for these rows alone.
        owners: the task of each row.
    """
    waiting: dict[str, deque[int]] = {}
    for number, task in enumerate(owners):
        waiting.setdefault(task, deque()).append(number)
    taken: list[int] = []
    left = DRAWS * len(owners)
    for _ in range(IN_VAIN * len(owners)):
        if not left or len(taken) == len(owners):
            break
        rows = waiting.get(teacher.sample(rng))
        if rows is not None:
            left -= 1
            taken += [rows.popleft()] if rows else []
    return sorted(taken)
