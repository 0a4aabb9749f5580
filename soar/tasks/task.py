"""Tasks: examples of an unknown function, and how an answer is graded against them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from soar.core.errors import SoarError
from soar.tasks.values import Value, canonical_json, from_numpy, is_grid, matches

if TYPE_CHECKING:
    from rich.console import RenderableType


class TaskError(SoarError):
    """Anything wrong with tasks as they were named, written or built; the message says what to do."""


@dataclass(frozen=True, slots=True, eq=False)
class Example:
    """One input with its output; the output is None where it is unknown.

    Two examples are equal when their JSON is: `True`, `1` and `1.0` differ."""

    input: Value
    output: Value = None

    def __post_init__(self) -> None:
        for name in ("input", "output"):
            value: Any = getattr(self, name)
            if hasattr(value, "dtype"):  # a grid as numpy has it
                object.__setattr__(self, name, from_numpy(value))

    def to_json(self) -> dict[str, Value]:
        """`{"input": ..., "output": ...}`, without "output" where it is unknown (as Kaggle's files do)."""
        return {"input": self.input} if self.output is None else {"input": self.input, "output": self.output}

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Example):
            return NotImplemented
        return canonical_json(self.to_json()) == canonical_json(other.to_json())

    def __hash__(self) -> int:
        return hash(canonical_json(self.to_json()))


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Task:
    """A few training examples and the test inputs to answer.

    The values are not copied: leave them unchanged.

    Attributes:
        tolerance: by how much numbers may differ, see `matches`; None: answers must be exact, types included.
        metadata: for analysis (source, family, difficulty): no search, prompt or training reads it, and it makes no two
            tasks different.
    """

    id: str
    train: tuple[Example, ...]
    test: tuple[Example, ...]
    tolerance: float | None = None
    metadata: Mapping[str, Value] = field(default_factory=dict)
    _hash: str = field(default="", init=False)  # filled on first use

    def __post_init__(self) -> None:
        if not isinstance(self.id, str):
            raise TaskError(f"a task's id is a text, not {self.id!r}")
        for name in ("train", "test"):
            examples: Any = getattr(self, name)
            if isinstance(examples, (str, bytes, Mapping)) or not isinstance(examples, Iterable):
                raise TaskError(f"task {self.id!r}: {name} is a list of Examples, not {examples!r}")
            examples = tuple(examples)
            if wrong := [one for one in examples if not isinstance(one, Example)]:
                raise TaskError(f"task {self.id!r}: {name} holds {wrong[0]!r}; use soar.Example(input, output)")
            object.__setattr__(self, name, examples)

    @property
    def content_hash(self) -> str:
        """BLAKE2b (32 hex digits) of the examples in order, without the id and WITHOUT the test outputs.

        A search must never depend on the answers. The archive files a task under this hash, so a task whose
        answers are hidden and the same task with known ones are one and the same search. What counts as right steers
        the search, so a tolerance, where there is one, is part of it."""
        if not self._hash:
            train = [[example.input, example.output] for example in self.train]
            inputs = [example.input for example in self.test]
            text = canonical_json([train, inputs] + ([] if self.tolerance is None else [float(self.tolerance)]))
            object.__setattr__(self, "_hash", hashlib.blake2b(text.encode(), digest_size=16).hexdigest())
        return self._hash

    @property
    def is_grid(self) -> bool:
        """Whether every input and every known output is a grid."""
        examples = self.train + self.test
        outputs = [example.output for example in examples if example.output is not None]
        return all(is_grid(value) for value in [*(example.input for example in examples), *outputs])

    def without_test_outputs(self) -> Task:
        """The same task with its answers, and what is known about it, removed; the content hash stays."""
        return replace(self, test=tuple(Example(example.input) for example in self.test), metadata={})

    def right(self, predicted: object, expected: object) -> bool:
        """Whether an answer to this task is right: `matches`, with the task's tolerance."""
        return matches(predicted, expected, self.tolerance)

    def to_json(self) -> dict[str, Any]:
        """The task in ARC's format, `{"train": [{"input", "output"}, ...], "test": [...]}`, and what else it has."""
        data: dict[str, Any] = {
            "train": [example.to_json() for example in self.train],
            "test": [example.to_json() for example in self.test],
        }
        if self.tolerance is not None:
            data["tolerance"] = self.tolerance
        return data | {"metadata": dict(self.metadata)} if self.metadata else data

    @classmethod
    def from_json(cls, id: str, data: Mapping[str, Any]) -> Task:
        """The inverse of `to_json`, for data already checked; `soar.load_tasks` checks what it reads.

        Raises KeyError where "train", "test" or an "input" is missing."""
        train, test = (
            tuple(Example(pair["input"], pair.get("output")) for pair in pairs)
            for pairs in (data["train"], data["test"])
        )
        return cls(id, train, test, data.get("tolerance"), data.get("metadata", {}))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Task):
            return NotImplemented
        mine = (self.id, self.tolerance, self.train, self.test)
        return mine == (other.id, other.tolerance, other.train, other.test)

    def __hash__(self) -> int:
        return hash(self.content_hash)

    def __repr__(self) -> str:
        examples = self.train + self.test
        inputs = [example.input for example in examples]
        outputs = [example.output for example in examples if example.output is not None]
        kinds = f"{_kind(inputs)} -> {_kind(outputs)}"
        kind = f"grids {kinds}" if self.is_grid else kinds
        tolerance = "" if self.tolerance is None else f", tolerance {self.tolerance:g}"
        return f"Task({self.id!r}, {len(self.train)} train + {len(self.test)} test, {kind}{tolerance})"

    def _repr_html_(self) -> str:
        from soar.tasks.draw.rich import task_to_html

        return task_to_html(self)

    def __rich__(self) -> RenderableType:
        from soar.tasks.draw.rich import task_to_rich

        return task_to_rich(self)

    def show(self) -> None:
        """Draw the task in the terminal or notebook, in colour where there is colour."""
        from soar.tasks.draw.rich import show

        show(self)

    def save(self, path: str | Path) -> None:
        """Save a picture of the task; `path` ends in .svg or .png. Raises ValueError for another suffix."""
        from soar.tasks.draw.rich import save

        save(self, path)


def twins_of(tasks: Mapping[str, Task]) -> tuple[list[Task], dict[str, list[str]]]:
    """Return the tasks without those whose content came before, and these: id of the first -> ids of its twins."""
    first: dict[str, Task] = {}
    twins: dict[str, list[str]] = {}
    for task in tasks.values():
        same = first.setdefault(task.content_hash, task)
        if same is not task:
            twins.setdefault(same.id, []).append(task.id)
    return list(first.values()), twins


def _kind(values: Sequence[Value]) -> str:
    """What a list of values is, in a word or two: `3x3`, `3x3..10x12`, `str`, `int | str`."""
    sizes = [(len(value), len(value[0])) for value in values if is_grid(value)]
    if not values:
        return "?"
    if len(sizes) < len(values):
        return " | ".join(sorted({type(value).__name__ for value in values}))
    low, high = (f"{pick(s[0] for s in sizes)}x{pick(s[1] for s in sizes)}" for pick in (min, max))
    return low if low == high else f"{low}..{high}"
