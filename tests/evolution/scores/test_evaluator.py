"""`evaluate(path)` of a file: what it may return, and that nothing it starts outlives its time and memory."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

import soar
from soar.evolution.scores.calls import stand_in
from soar.evolution.scores.evaluator import EvaluatorError, FileJudge, Isolation
from soar.evolution.scores.measure import Measure
from soar.evolution.scores.tagged import tag, untag
from soar.evolution.scores.task import EvaluatorTask
from soar.models.scripted import ScriptedModel
from soar.sandbox import Limits, Sandbox
from tests.evolution.scores.support import START, task_in

LOAD = """
import importlib.util
def load(path):
    spec = importlib.util.spec_from_file_location("program", path)
    program = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(program)
    return program
"""


def measured(
    task: EvaluatorTask, *sources: str, isolation: Isolation = "calls", seconds: float = 20, memory_mb: int = 512
) -> list[Measure]:
    async def all_of() -> list[Measure]:
        with Sandbox(1, Limits(1.0, 256)) as sandbox:
            judge = FileJudge(task, sandbox, isolation, seconds, memory_mb, 1)
            try:
                return [await judge.measure(source, run) for run, source in enumerate(sources)]
            finally:
                judge.close()

    return asyncio.run(all_of())


def test_an_evaluator_may_return_numbers_metrics_and_results_with_artifacts(tmp_path: Path) -> None:
    text = (
        LOAD
        + """
from openevolve.evaluation_result import EvaluationResult
import numpy as np
def evaluate(path):
    way = load(path).solve(0)
    if way == 1: return 2
    if way == 2: return {"score": np.float64(3.5), "note": "words", "feedback": "go on"}
    return EvaluationResult(metrics={"combined_score": 4.0, "speed": 1}, artifacts={"log": "a line"})
"""
    )
    task = task_in(tmp_path, evaluator=text)
    one, two, three = measured(task, *(f"def solve(x):\n    return {way}\n" for way in (1, 2, 3)))
    assert one.score == 2 and (two.score, two.feedback) == (3.5, "go on") and two.metrics == {"score": 3.5}
    assert three.score == 4 and three.metrics["speed"] == 1 and three.feedback == "log: a line"


def test_functions_take_and_give_arrays_tuples_and_keywords_and_errors_come_through(tmp_path: Path) -> None:
    text = (
        LOAD
        + """
import numpy as np
def evaluate(path):
    program = load(path)
    a, (b, c) = program.both(np.arange(6.0).reshape(2, 3), scale=2)
    assert a.shape == (3, 2) and a.dtype == float and b is None and type(c) is np.int64 and program.SIZE == 3
    try:
        program.fails()
    except RuntimeError as error:
        assert "ValueError: no" in str(error)
        return float(a.sum())
"""
    )
    program = (
        "import numpy as np\nSIZE = 3\ndef both(x, scale):\n    return x.T * scale, (None, np.int64(4))\n"
        "def fails():\n    raise ValueError('no')\n"
    )
    (measure,) = measured(task_in(tmp_path, evaluator=text), program)
    assert measure.score == 30, measure.feedback


@pytest.mark.parametrize("value", [1, 1.5, float("inf"), None, "x", [1, (2, [3])], {"a": {1: (2,)}}, {1, 2}])
def test_what_is_tagged_comes_back(value: Any) -> None:
    assert untag(tag(value)) == value and type(untag(tag(value))) is type(value)


def test_what_is_not_plain_data_is_refused() -> None:
    for value in (object(), len, b"x", type("L", (list,), {})([1])):
        with pytest.raises(TypeError, match="plain data"):
            tag(value)
    assert untag({"a": ["<U500000000", [1], ["x"], True]}).tolist() == ["x"]  # no memory for what is claimed
    for forged in ({"a": ["O", [1], [1], True]}, {"x": 1}, {"f": "1"}, {"l": 3}, {"l": [], "t": []}):
        with pytest.raises(ValueError):
            untag(forged)


def test_a_stand_in_holds_no_line_of_the_program() -> None:
    source = "import os\nos.remove('x')\nN = 3\nM = os.sep\ndef f(x):\n    return 'secret'\nclass C: ...\n"
    text = stand_in(source, Path("a"))
    assert text is not None and "remove" not in text and "secret" not in text and "N = 3" in text and "def f(" in text
    assert stand_in("def f(:", Path("a")) is None
    deep = stand_in("N = " + "[" * 150 + "]" * 150 + "\nM = " + "-" * 900 + "1\ndef f(): ...\n", Path("a"))
    assert deep is None or "def f(" in deep
    forged = stand_in("_SOAR = '/elsewhere'\ndef _soar_call(*a): ...\n", Path("a"))
    assert forged is not None and "elsewhere" not in forged and "def " not in forged


def test_an_evaluator_may_load_the_program_in_a_process_of_its_own(tmp_path: Path) -> None:
    text = """
import os, pickle, subprocess, sys
CODE = "import runpy, pickle, sys; pickle.dump(runpy.run_path(sys.argv[1])['solve'](4.0), open('out', 'wb'))"
def evaluate(path):
    subprocess.run([sys.executable, "-c", CODE, path], check=True)
    with open("out", "rb") as file:
        return {"score": pickle.load(file)}
"""
    (measure,) = measured(task_in(tmp_path, evaluator=text), START)
    assert measure.score == 5, measure.feedback


def test_a_search_that_is_killed_leaves_no_process(tmp_path: Path) -> None:
    mark = f"mark-{tmp_path.name}-{time.time_ns()}"
    text = f"""
import subprocess, sys
def evaluate(path):
    subprocess.run([sys.executable, "-c", "import time; time.sleep(600)  # {mark}"], start_new_session=True)
"""
    task_in(tmp_path, evaluator=text)
    (tmp_path / "first.py").write_text(START)
    command = [sys.executable, "-m", "soar", "evolve", "first.py", "evaluator.py", "--workers", "1"]
    process, end = subprocess.Popen(command, cwd=tmp_path), time.monotonic() + 60
    while not left_behind(mark):
        assert time.monotonic() < end and process.poll() is None
        time.sleep(0.05)
    process.kill()
    process.wait()
    while left_behind(mark):
        assert time.monotonic() < end
        time.sleep(0.05)


def left_behind(mark: str) -> list[int]:
    found = []
    for one in psutil.process_iter(["cmdline"]):
        if any(mark in word for word in one.info["cmdline"] or []):
            found.append(one.pid)
    return found


def test_time_ends_an_evaluation_with_all_that_it_has_started(tmp_path: Path) -> None:
    mark = f"mark-{tmp_path.name}-{time.time_ns()}"
    text = f"""
import os, signal, subprocess, sys, time
def evaluate(path):
    code = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)  # {mark}"
    subprocess.Popen([sys.executable, "-c", code], start_new_session=True)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    time.sleep(600)
"""
    began = time.monotonic()
    (measure,) = measured(task_in(tmp_path, evaluator=text), START, seconds=1.0)
    assert measure.verdict == "timeout" and time.monotonic() - began < 60
    assert not left_behind(mark)


def test_memory_counts_together(tmp_path: Path) -> None:
    text = """
import subprocess, sys, time
def evaluate(path):
    code = "import time; x = bytearray(60 * 2**20); time.sleep(60)"
    children = [subprocess.Popen([sys.executable, "-c", code]) for _ in range(5)]
    time.sleep(50)
    return 1
"""
    (measure,) = measured(task_in(tmp_path, evaluator=text), START, seconds=60, memory_mb=200)
    assert measure.verdict == "memory"
    text = "def evaluate(path):\n    return len(bytearray(2**31))\n"
    assert measured(task_in(tmp_path, evaluator=text), START, memory_mb=200)[0].verdict == "memory"


def test_a_cheap_stage_may_come_first(tmp_path: Path) -> None:
    text = (
        LOAD
        + """
def evaluate_stage1(path):
    return {"score": load(path).solve(1), "feedback": "small"}
def evaluate(path):
    return load(path).solve(2)
"""
    )
    task = task_in(tmp_path, evaluator=text)
    model = ScriptedModel(["```python\ndef solve(x):\n    return 100.0 if x == 2 else 0\n```"])
    options: dict[str, Any] = {"programs": 2, "operators": "rewrite", "workers": 1}
    result = soar.evolve(task, model, cascade=1.5, **options)
    assert [one.score for one in result.programs] == [3.0, None]
    assert result.programs[1].measure.feedback == "stage 1 gave 0.0; small"
    assert [one.score for one in soar.evolve(task, model, **options).programs] == [3.0, 100.0]
    with pytest.raises(EvaluatorError, match="cascade needs evaluate_stage1"):
        soar.evolve(task_in(tmp_path), cascade=1.0, programs=1, workers=1)


def test_evaluators_that_cannot_be_used_are_named(tmp_path: Path) -> None:
    for text, why in (("x = 1\n", "defines no function"), ("import nowhere_to_be_found\n", "nowhere_to_be_found")):
        with pytest.raises(EvaluatorError, match=why):
            soar.evolve(task_in(tmp_path, evaluator=text), workers=1)


def test_a_score_that_changes_is_said(tmp_path: Path) -> None:
    text = "import random\ndef evaluate(path):\n    return random.random()\n"
    with pytest.raises(soar.SoarError, match="two runs scored"):
        soar.evolve(task_in(tmp_path, evaluator=text), workers=1)
    result = soar.evolve(task_in(tmp_path, evaluator=text), workers=1, tolerance=1.0, programs=3)
    assert result.best is not None


def test_an_evaluator_that_kills_its_process_does_not_end_the_search(tmp_path: Path) -> None:
    text = (
        LOAD
        + """
import os
def evaluate(path):
    if load(path).solve(0) != 1.0:
        os.kill(os.getppid(), 9)
        os._exit(3)
    return 1.0
"""
    )
    one, two = measured(task_in(tmp_path, evaluator=text), "def solve(x):\n    return 2\n", START)
    assert one.verdict == "failed" and two.score == 1
