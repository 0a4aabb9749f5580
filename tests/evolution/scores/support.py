"""What the tests of scores share: a task that is quickly improved, and an evaluator's file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from soar.evolution.scores.task import EvaluatorTask, ScoreTask

START = "def solve(x):\n    return x + 1.0\n"
INPUTS = [-2.0, -1.0, 0.0, 1.0, 2.0]


def nearness(inputs: list[Any], outputs: list[Any]) -> float:
    """How near outputs are to x² + 3 x."""
    return -sum(abs(y - (x * x + 3 * x)) for x, y in zip(inputs, outputs, strict=True))


def square(start: str | None = START, inputs: Sequence[float] = INPUTS) -> ScoreTask:
    return ScoreTask("square", "Return x² + 3 x.", nearness, list(inputs), start)


EVALUATOR = """
import importlib.util

SECRET = 12345.0


def evaluate(path):
    spec = importlib.util.spec_from_file_location("program", path)
    program = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(program)
    given = [program.solve(x) for x in (-1.0, 0.5, 2.0)]
    return {"combined_score": -sum(abs(y - x * x) for x, y in zip((-1.0, 0.5, 2.0), given))}
"""


def task_in(folder: Path, start: str = START, evaluator: str = EVALUATOR) -> EvaluatorTask:
    file = folder / "evaluator.py"
    file.write_text(evaluator)
    return EvaluatorTask("task", start, file)
