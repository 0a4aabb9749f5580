"""The examples get better without a key, at small size."""

from __future__ import annotations

from pathlib import Path

import pytest

import soar
from soar.evolution.scores.task import EvaluatorTask

EXAMPLES = Path(__file__).parents[2] / "experiments" / "examples"


@pytest.mark.parametrize("name", ["circle_packing", "symbolic_regression"])
def test_an_example_gets_better(name: str) -> None:
    folder = EXAMPLES / name
    task = EvaluatorTask(name, (folder / "initial_program.py").read_text(), folder / "evaluator.py")
    result = soar.evolve(task, programs=80, workers=2)
    assert result.best is not None and result.best.proposal.step > 0, result
    first, best = result.programs[0].score, result.best.score
    assert first is not None and best is not None and best > first
    assert (folder / "README.md").exists()
