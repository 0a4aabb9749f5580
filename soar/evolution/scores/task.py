"""A task whose programs score, and what turns a program into a measure."""

from __future__ import annotations

import hashlib
import inspect
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol, TypeAlias

import numpy as np

from soar.core.errors import SoarError
from soar.evolution.scores.measure import Measure, read_measure
from soar.programs.blocks import blocks
from soar.sandbox.encoding import Value
from soar.sandbox.executor import Executor

ScoreFunction: TypeAlias = Callable[[list[Any], list[Any]], "float | Mapping[str, float]"]
Direction = Literal["max", "min"]


class ScoreTaskError(SoarError):
    """A task of scores is not what it must be; the message says what to do."""


class Judge(Protocol):
    """Measures programs."""

    async def measure(self, source: str, run: int = 0) -> Measure:
        """Return how good a program is. What goes wrong with it is a measure; what else goes wrong is raised.

        Args:
            source: of the program.
            run: 0, and 1 when it is asked again to see whether the score stays; seeds what draws without a seed.
        """
        ...

    def close(self) -> None:
        """End the processes that belong to it. Idempotent."""
        ...


@dataclass(frozen=True)
class ScoreTask:
    """Programs are called with inputs, and a function says how good what they give is.

    Attributes:
        id: names it.
        description: what a program should do, in words, for a model.
        score: called with `inputs` and what the program gave for each; returns a number, or metrics by name. It sees
            plain data and never the program, which runs in the sandbox. It is not called where the program has failed.
        inputs: plain data; the program's entry point is called with each of them.
        start: source of the program to begin with; None: there is none, which needs a model.
        entry_point: name of the function that programs define.
        direction: "max": the larger the better; "min": the smaller.
        metric: of several metrics the one that counts; None: "combined_score", "score", or the only one.
    """

    id: str
    description: str
    score: ScoreFunction
    inputs: Sequence[Value]
    start: str | None = None
    entry_point: str = "solve"
    direction: Direction = "max"
    metric: str | None = None
    version: str = field(init=False, compare=False)

    def __post_init__(self) -> None:
        if not self.inputs or isinstance(self.inputs, str):
            raise ScoreTaskError(f"task {self.id}: inputs is a list of one input or more, not {self.inputs!r}")
        check_task(self.id, self.start, self.direction)
        if not callable(self.score):
            raise ScoreTaskError(f"task {self.id}: score is a function of inputs and outputs, not {self.score!r}")
        parts = [self.description, json.dumps(list(self.inputs)), self.entry_point, self.metric, _code(self.score)]
        object.__setattr__(self, "version", hashed(*parts, self.direction, self.start))


@dataclass(frozen=True)
class EvaluatorTask:
    """Programs are files, and `evaluate(path)` of another file says how good one is.

    Attributes:
        id: names it.
        start: source of the program to begin with.
        evaluator: file that defines `evaluate(path)`, which returns a number, metrics by name, or an object with
            `metrics` and `artifacts`; what lies beside it can be imported.
        description, direction, metric: as those of `ScoreTask`.
    """

    id: str
    start: str
    evaluator: Path
    description: str = ""
    direction: Direction = "max"
    metric: str | None = None
    version: str = field(init=False, compare=False)

    def __post_init__(self) -> None:
        check_task(self.id, self.start, self.direction)
        text = self.evaluator.read_text(encoding="utf-8")
        object.__setattr__(self, "version", hashed(self.description, text, self.metric, self.direction, self.start))


class OutcomeJudge:
    """Runs programs of a `ScoreTask` in a sandbox, and gives their outputs to its function."""

    def __init__(self, task: ScoreTask, executor: Executor) -> None:
        self.task, self.executor = task, executor

    async def measure(self, source: str, run: int = 0) -> Measure:
        """Return what the task's function makes of the outputs."""
        outcomes = await self.executor.submit(source, self.task.inputs, self.task.entry_point)
        for number, one in enumerate(outcomes):
            if one.status != "ok":
                verdict = one.status if one.status in ("timeout", "memory") else "failed"
                return Measure.of_failure(verdict, f"input {number}: {one.describe()}")
        inputs = json.loads(json.dumps(list(self.task.inputs)))  # a copy: the function may change what it is given
        try:
            given = self.task.score(inputs, [one.value for one in outcomes])
        except Exception as error:  # outputs may be any plain data, of any shape
            return Measure.of_failure("failed", f"score() of task {self.task.id}: {type(error).__name__}: {error}")
        return read_measure(_plain(given), self.task.metric)

    def close(self) -> None:
        """The sandbox belongs to whoever gave it."""


def check_task(name: str, start: str | None, direction: str) -> None:
    """Raise ScoreTaskError or BlockError where a task cannot be searched."""
    if direction not in ("max", "min"):
        raise ScoreTaskError(f"task {name}: direction is 'max' or 'min', not {direction!r}")
    if start is not None:
        blocks(start)


def hashed(*parts: object) -> str:
    """Return a short hash of what decides what programs score."""
    return hashlib.blake2b(json.dumps([str(part) for part in parts]).encode(), digest_size=8).hexdigest()


def _code(function: Callable[..., object]) -> str:
    try:
        return inspect.getsource(function)
    except (OSError, TypeError):  # typed in a console, or an object
        return getattr(function, "__qualname__", type(function).__qualname__)


def _plain(given: Any) -> object:
    """Numbers of numpy, which a trusted function may return, as Python's."""
    if isinstance(given, Mapping):
        return {name: _plain(value) for name, value in given.items()}
    return given.item() if isinstance(given, np.generic) else given
