"""What callers give as tasks, in whatever form they have it, becomes tasks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

from soar.tasks.files import read_task
from soar.tasks.sets import TaskSet, find_task, is_named_set, load_tasks
from soar.tasks.task import Task, TaskError
from soar.tasks.values import from_numpy

TaskLike: TypeAlias = Task | str | Path | Mapping[str, Any]  # see `as_tasks`
TaskSource: TypeAlias = TaskLike | Iterable[TaskLike]
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
            tasks = named(str(item))
            return tasks if isinstance(tasks, Task) else list(tasks.values())
        case Mapping() if "train" in item or "test" in item:
            return read_task(str(item.get("id", id)), _plain(item), "the task given as a dict")
        case Mapping():
            found = [_one(value, str(key)) for key, value in item.items()]
            return [task for some in found for task in ([some] if isinstance(some, Task) else some)]
    raise TaskError(f"this is no task: {item!r}; {FORMS}")


def named(name: str) -> TaskSet | Task:
    """Return the set that a name, a file or a folder stands for, or a single task where it stands for one.

    Raises:
        TaskError: there is none; names the nearest.
    """
    if is_named_set(name) or Path(name).exists() or Path(name).suffix in (".json", ".jsonl"):
        tasks = load_tasks(name)
        return tasks[0] if len(tasks) == 1 else tasks
    if len(Path(name).parts) > 1 and ":" not in name:
        load_tasks(name)  # says what it is not, and the nearest set
    return find_task(name)


def _plain(value: Any) -> Any:
    """The same with lists for arrays and tuples."""
    value = from_numpy(value)
    if isinstance(value, Mapping):
        return {key: _plain(one) for key, one in value.items()}
    return [_plain(one) for one in value] if isinstance(value, (list, tuple)) else value
