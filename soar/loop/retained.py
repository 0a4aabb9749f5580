"""What trainings of a loop are to hold on to: the base model's own replies to generated tasks that no set knows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from soar.loop.config import LoopFolder, Sets
from soar.loop.signals import SignalReport
from soar.loop.stages import SearchJob, Stages, Steps
from soar.tasks.gym.domains import assorted_tasks
from soar.tasks.sets import TaskSet, drop_overlap

if TYPE_CHECKING:
    from datasets import Dataset

TASKS, REPLIES = 64, 4  # replies of each


def retained_tasks(sets: Sets, seed: int) -> TaskSet:
    """Return generated tasks of many kinds that share no example pair with a set, nor a kind that its tasks name."""
    given = [one for one in (sets.training, sets.held_out, sets.target) if one is not None]
    kinds = {str(task.metadata["family"]) for one in given for task in one.values() if "family" in task.metadata}
    tasks = TaskSet(assorted_tasks(TASKS, seed, kinds), "retain")
    for one in given:
        tasks = drop_overlap(tasks, one)
    return tasks


def make_retained(stages: Stages) -> Steps:
    """Search such tasks with the base model, and keep its replies: two stages, each done once."""
    place, seed = stages.folder.retain, stages.config.seed
    tasks = retained_tasks(stages.sets, seed)
    options = {"samples": REPLIES, "refinements": 0, "few_shot": None}
    yield from stages.searches([SearchJob("retain search 0", tasks, place, 0, options=options)], None)
    if stages.stopped is None:
        yield from stages.rows("retain replies", place, lambda: _replies(stages.folder, seed))


def _replies(folder: LoopFolder, seed: int) -> tuple[Dataset, SignalReport]:
    from soar.hindsight import make_replies

    made = make_replies(folder.retain, per_task=REPLIES, seed=seed)
    return made, SignalReport("retain", {"replies": len(made)}, len(set(made["task_hash"])))
