"""What users name on the command line: tasks, sets and models."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from soar.tasks.sets import TaskSet
    from soar.tasks.task import Task

SETS = "arc-agi-1/training, arc-agi-1/evaluation, arc-agi-2/training, arc-agi-2/evaluation, gym/domain-1/train"
MODELS = "mini (embedded), hf:NAME_OR_FOLDER, vllm:NAME_OR_FOLDER, openai:MODEL, openai:MODEL@http://host:port/v1."
SETTINGS = "TOML file that says more of an openai: model: limits, prices, what it understands."


def find_tasks(name: str) -> TaskSet | Task:
    """Return a set, or a single task where the name stands for one."""
    from soar.tasks.given import named

    return named(name)


def each(tasks: TaskSet | Task) -> list[Task]:
    """Return the tasks as a list."""
    return [tasks] if is_task(tasks) else list(tasks.values())  # type: ignore[list-item, union-attr]


def is_task(tasks: object) -> bool:
    """Tell a single task from a set."""
    from soar.tasks.task import Task

    return isinstance(tasks, Task)
