"""Which groups each step of a policy gradient takes, and in which order: a teacher draws them."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Literal, TypeAlias, get_args

from soar.core.seeding import keyed_rng
from soar.curriculum import CurriculumError, Known, Teacher, make_teacher
from soar.training.encoding import VISITS

if TYPE_CHECKING:
    from datasets import Dataset

IN_VAIN = 20  # draws for each group that a step wants, after which it goes without
# Of `soar.curriculum`: those that need no features. Rates go with stages: `soar.train_stages`.
GroupTeacher: TypeAlias = Literal[
    "uniform", "record", "record-notes", "adarft", "sec", "dump", "vcrl", "filter", "cdas", "knapsack", "alp", "dsc",
    "prospects",
]  # fmt: skip


def order_groups(
    groups: Dataset,
    teacher: GroupTeacher | Callable[[Known], Teacher],
    *,
    epochs: int = 1,
    batch_size: int = 128,
    seed: int = 0,
) -> Dataset:
    """Return the groups that a teacher draws, with a column `visits`: training takes them in that order.

    In each step the teacher draws as many groups as fill a batch, and is then told their rewards. These are of the
    search, and stay what they are: nothing is drawn anew. A group whose replies all have one reward teaches nothing;
    the teacher is told of it, and draws another. There are as many visits as `epochs` passes over the other groups.

    Args:
        groups: as `soar.make_groups` gives them, one a task.
        teacher: a name; or what makes one of what is known, which is the difficulty of each task, 1 less its mean
            reward.
        epochs, batch_size, seed: of the training; a batch is counted in replies.

    Raises:
        CurriculumError: there is no such teacher, rewards are no numbers that it can use, two groups are of one task,
            or none that teaches was drawn.
    """
    if isinstance(teacher, str) and teacher not in get_args(GroupTeacher):
        raise CurriculumError(f"teachers of groups are {', '.join(get_args(GroupTeacher))}, not {teacher!r}")
    if missing := [name for name in ("task_id", "rewards") if name not in groups.column_names]:
        raise CurriculumError(f"these groups have no column {missing[0]}: make them with soar.make_groups")
    tasks, rewards = list(groups["task_id"]), list(groups["rewards"])
    for task, some in zip(tasks, rewards, strict=True):
        wrong = [one for one in some if not math.isfinite(one)]
        if wrong or not some:
            has = f"the reward {wrong[0]}" if wrong else "no rewards"
            raise CurriculumError(f"the group of task {task!r} has {has}: leave out replies that were lost")
    means = {task: sum(some) / len(some) for task, some in zip(tasks, rewards, strict=True)}
    known = Known(tasks, {task: min(max(1 - mean, 0.0), 1.0) for task, mean in means.items()})
    guide = make_teacher(teacher, known) if isinstance(teacher, str) else teacher(known)
    place = {task: number for number, task in enumerate(tasks)}
    teaching = {number for number, some in enumerate(rewards) if min(some) < max(some)}
    wanted, size = epochs * len(teaching), max(1, batch_size // max(map(len, rewards)))
    visits: dict[int, list[int]] = {}
    for step in range(-(-wanted // size)):
        drawn = _step(guide, seed, step, min(size, wanted - step * size), place, teaching)
        for task in drawn:
            if place[task] in teaching:
                visits.setdefault(place[task], []).append(sum(map(len, visits.values())))
            guide.update(task, rewards[place[task]])
    if not visits:
        raise CurriculumError(
            f"none of {len(tasks)} groups that the teacher drew has replies of different rewards: nothing can be "
            "learnt; sample more, or take other tasks or another teacher"
        )
    kept = sorted(visits)
    return groups.select(kept).add_column(VISITS, [visits[number] for number in kept])


def _step(teacher: Teacher, seed: int, step: int, wanted: int, place: dict[str, int], teaching: set[int]) -> list[str]:
    """Return the tasks that a step draws, `wanted` of groups that teach, if they come."""
    rng = keyed_rng(seed, step, "groups of a step")
    drawn: list[str] = []
    for _ in range(IN_VAIN * wanted):
        drawn.append(teacher.sample(rng))
        if sum(place[task] in teaching for task in drawn) == wanted:
            break
    return drawn
