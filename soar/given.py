"""What callers give as tasks, in whatever form they have it, becomes tasks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from soar.datasets import TaskSet, find_task, is_named_set, load_tasks
from soar.task import Task, TaskError, from_numpy
from soar.taskfiles import read_task

FORMS = (
    "give a Task, a TaskSet, an id such as '3c9b0459', a set or file such as 'arc-agi-1/training', "
    "a dict in ARC's format, or a list of these"
)


def as_tasks(given: object) -> Task | list[Task]:
    """Return the task, or the tasks, that a caller means.

    Args:
        given: a `Task`; the id of one, or the name of a set, a file or a folder; a dict as ARC has them, `{"train":
            [{"input", "output"}, ...], "test": [...]}`, whose grids may be numpy arrays; a collection of any of these.

    Raises:
        TaskError: it is nothing of the kind, or no such task is known.
    """
    if isinstance(given, (Task, str, Path, Mapping)) and not isinstance(given, TaskSet):
        return _one(given)
    if not isinstance(given, Iterable):
        raise TaskError(f"these are no tasks: {given!r}; {FORMS}")
    several: list[Task] = []
    for number, item in enumerate(given.values() if isinstance(given, TaskSet) else given):
        found = _one(item, f"task-{number}")
        several += [found] if isinstance(found, Task) else found
    return several


def _one(item: object, id: str = "task") -> Task | list[Task]:
    """A task, or several where a name stands for a set or a mapping holds them."""
    match item:
        case Task():
            return item
        case str() | Path():
            return _named(item)
        case Mapping() if "train" in item or "test" in item:
            return read_task(str(item.get("id", id)), _plain(item), "the task given as a dict")
        case Mapping():
            found = [_one(value, str(key)) for key, value in item.items()]
            return [task for some in found for task in ([some] if isinstance(some, Task) else some)]
    raise TaskError(f"this is no task: {item!r}; {FORMS}")


def _named(name: str | Path) -> Task | list[Task]:
    if is_named_set(str(name)) or Path(name).exists():
        tasks = load_tasks(name)
        return tasks[0] if len(tasks) == 1 else list(tasks.values())
    return find_task(str(name))


def _plain(value: Any) -> Any:
    """The same with lists for arrays and tuples."""
    value = from_numpy(value)
    if isinstance(value, Mapping):
        return {key: _plain(one) for key, one in value.items()}
    return [_plain(one) for one in value] if isinstance(value, (list, tuple)) else value
