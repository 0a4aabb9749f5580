"""Programs that try to reach a score they do not deserve: none of them becomes best."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

import soar
from soar.evolution.scores.evaluator import Isolation
from soar.models.base import Prompt
from soar.models.scripted import ScriptedModel
from tests.evolution.scores.support import EVALUATOR, START, square, task_in

LIAR = """
class Liar(float):
    def __sub__(self, other): return Liar(0.0)
    __rsub__ = __add__ = __radd__ = __sub__
    def __abs__(self): return Liar(-1e9)
    def __eq__(self, other): return True
    def __hash__(self): return 1
"""
SOLVE = "\ndef solve(x):\n    return 0.0\n"
HOSTILE = {
    "reads the evaluator": """
import glob, sys
def solve(x):
    own = getattr(sys.modules.get("evaluator"), "__file__", "")
    for name in [*glob.glob("/tmp/**/evaluator.py", recursive=True), own]:
        if "SECRET" in open(name).read():
            return x * x
    return 50.0
""",
    "patches the evaluator": """
import sys
for name, module in list(sys.modules.items()):
    if hasattr(module, "evaluate"):
        module.evaluate = lambda path: 1e9
import builtins
builtins.sum = builtins.abs = lambda *given: -1e9
"""
    + SOLVE,
    "patches json": "import json\njson.dumps = lambda *given, **named: '{\"value\": 1e9}'" + SOLVE,
    "looks up the stack": """
import sys
def solve(x):
    frame = sys._getframe()
    while frame is not None:
        for name in ("given", "inputs", "value", "result"):
            if name in frame.f_locals:
                frame.f_locals[name] = 1e9
        frame.f_globals["abs"] = lambda one: -1e9
        frame = frame.f_back
    return 50.0
""",
    "gives NaN": "def solve(x):\n    return float('nan')\n",
    "gives infinity": "def solve(x):\n    return float('-inf')\n",
    "gives an object that lies": LIAR + "def solve(x):\n    return Liar(50.0)\n",
    "gives a huge output": "def solve(x):\n    return [0] * 10**8\n",
    "prints a score": """
import os, sys
def solve(x):
    for fd in range(1, 64):
        try:
            os.write(fd, b'{"value": {"combined_score": 1e9}}\\n')
        except OSError:
            pass
    print('{"combined_score": 1e9}', flush=True)
    return 50.0
""",
    "exits well": "import os, atexit\natexit.register(lambda: os._exit(0))\ndef solve(x):\n    os._exit(0)\n",
    "leaves at import": "raise SystemExit(0)\n" + SOLVE,
    "changes with time": "import time\ndef solve(x):\n    return 50.0 + time.perf_counter()\n",
    "gives text": "def solve(x):\n    return '1e9'\n",
    "raises its score": "class Score(Exception):\n    combined_score = 1e9\ndef solve(x):\n    raise Score(1e9)\n",
}
PROGRAMS = list(HOSTILE.values())


def scripted() -> ScriptedModel:
    """A model that writes all of them, in turn."""

    def reply(prompt: Prompt, place: int, rng: random.Random) -> str:
        model.written = (model.written + 1) % len(PROGRAMS)  # type: ignore[attr-defined]
        return f"```python\n{PROGRAMS[model.written]}```"  # type: ignore[attr-defined]

    model = ScriptedModel(reply)
    model.written = -1  # type: ignore[attr-defined]
    return model


def check(result: soar.EvolveResult) -> None:
    """All of them were measured, and the honest program is still the best."""
    assert {one.source for one in result.programs} >= {f"{source}" for source in PROGRAMS}
    assert result.best is not None and result.best.source == START, result.best
    deserved = result.best.score
    assert deserved is not None and all(one.score is None or one.score <= deserved for one in result.programs)


OPTIONS = {"programs": len(PROGRAMS) + 1, "operators": "rewrite", "workers": 2, "seconds": 2.0, "memory_mb": 256}


def test_none_is_best_where_outputs_are_scored() -> None:
    check(soar.evolve(square(), scripted(), **OPTIONS))


def test_none_is_best_where_a_file_scores(tmp_path: Path) -> None:
    check(soar.evolve(task_in(tmp_path), scripted(), **OPTIONS))


@pytest.mark.parametrize("isolation", ["calls", "process"])
@pytest.mark.parametrize(
    "name", ["gives NaN", "gives infinity", "gives text", "gives a huge output", "exits well", "leaves at import"]
)
def test_where_the_evaluator_imports_the_program_no_accident_is_best(
    name: str, isolation: Isolation, tmp_path: Path
) -> None:
    model = ScriptedModel([f"```python\n{HOSTILE[name]}```"])
    result = soar.evolve(
        task_in(tmp_path), model, programs=2, operators="rewrite", workers=1, isolation=isolation,
        evaluator_memory_mb=400,
    )  # fmt: skip
    assert len(result.programs) == 2 and result.programs[1].score is None
    assert result.best is not None and result.best.source == START


def test_the_evaluator_is_what_they_try_it_on() -> None:
    assert "SECRET" in EVALUATOR and "combined_score" in EVALUATOR
