"""Slices of a set that nobody picked by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from itertools import compress
from typing import Any, cast

from soar.evolution.client import ModelClient
from soar.models.base import LanguageModel, Prompt
from soar.programs.program import Attempt, Program
from soar.prompts.prompt_set import PromptSet, load_prompt_set
from soar.sandbox.outcome import Outcome
from soar.tasks.sets import TaskSet
from soar.tasks.task import Task

USUAL = Program("from soar.grids import *\n\n\ndef transform(grid):\n    grid = np.array(grid)\n    return grid\n")


def shuffled(tasks: Mapping[str, Task]) -> TaskSet:
    """Return the tasks in the order of the hash of their content: the same everywhere, and saying nothing about them.

    So `[:100]` and `[100:160]` are two fixed slices, alike in all but chance.
    """
    name = tasks.name if isinstance(tasks, TaskSet) else "tasks"
    return TaskSet(sorted(tasks.values(), key=lambda task: (task.content_hash, task.id)), f"{name}, shuffled")


def readable_by_mini(tasks: Mapping[str, Task]) -> TaskSet:
    """Return the tasks that the embedded model can be shown with a short parent, in the order of their hash."""
    from soar.models.mini import MiniModel

    with closing(MiniModel(workers=1)) as mini:
        return shuffled(readable(tasks, mini))


def readable(tasks: Mapping[str, Task], model: LanguageModel) -> TaskSet:
    """Return the tasks of grids that a model can be shown with a short parent to refine.

    The parent is taken to be right on the examples and to return the test inputs as they are.
    """
    prompt_set = load_prompt_set(model.prompt_set)
    grids = [task for task in tasks.values() if task.is_grid]
    fit = fitting([refinement_prompt(task, prompt_set) for task in grids], prompt_set, model)
    name = tasks.name if isinstance(tasks, TaskSet) else "tasks"
    return TaskSet(list(compress(grids, fit)), f"{name} that {model.name} can read")


def fitting(prompts: Sequence[Prompt], prompt_set: PromptSet, model: LanguageModel) -> list[bool]:
    """Return which prompts leave room in a model's window for a program; all, where lengths or window are not known."""
    client = ModelClient(model, None)
    return [length is None for length in client.overlong(prompts, prompt_set.settings.max_tokens)]


def refinement_prompt(task: Task, prompt_set: PromptSet) -> Prompt:
    """Return the prompt that shows a short parent, right on the examples, which returns the test inputs as they are."""
    parent = Attempt(
        key="parent", task_id=task.id, task_hash=task.content_hash, iteration=0, phase="sample", island=None,
        parents=(), model="", adapter=None, program=USUAL, train_accuracy=1.0, broken_rules=(),
        train=tuple(Outcome("ok", cast(Any, example.output)) for example in task.train),
        test=tuple(Outcome("ok", cast(Any, example.input)) for example in task.test),
    )  # fmt: skip
    return prompt_set.render(task, (parent,))
