"""What users name on the command line: tasks, sets and models."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from soar.datasets import TaskSet
    from soar.task import Task

# `soar.voting.Weighting`, which brings numpy: help should be quick.
Vote: TypeAlias = Literal["sum", "appendix", "majority", "best", "closest"]
SETS = "arc-agi-1/training, arc-agi-1/evaluation, arc-agi-2/training, arc-agi-2/evaluation, gym/domain-1/train"
MODELS = "mini (embedded), hf:NAME_OR_FOLDER, vllm:NAME_OR_FOLDER, openai:MODEL, openai:MODEL@http://host:port/v1."
SETTINGS = "TOML file that says more of an openai: model: limits, prices, what it understands."


def find_tasks(name: str) -> TaskSet | Task:
    """Return a set, or a single task where the name stands for one."""
    from soar.datasets import find_task, is_named_set, load_tasks

    if is_named_set(name) or Path(name).exists() or Path(name).suffix in (".json", ".jsonl"):
        tasks = load_tasks(name)
        return tasks[0] if len(tasks) == 1 else tasks
    if len(Path(name).parts) > 1 and ":" not in name:
        load_tasks(name)  # says what it is not, and the nearest set
    return find_task(name)


def each(tasks: TaskSet | Task) -> list[Task]:
    """Return the tasks as a list."""
    return [tasks] if is_task(tasks) else list(tasks.values())  # type: ignore[list-item, union-attr]


def is_task(tasks: object) -> bool:
    """Tell a single task from a set."""
    from soar.task import Task

    return isinstance(tasks, Task)
