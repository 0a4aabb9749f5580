from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]


def figures(script: str, *arguments: str) -> dict[str, Any]:
    """What an experiment prints; it must end well."""
    command = [sys.executable, f"experiments/{script}", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stderr + done.stdout
    return dict(json.loads(done.stdout))


@pytest.mark.slow
def test_mini_killed_and_resumed_ends_as_if_left_alone() -> None:
    sizes = ["--first", "5", "--tasks", "2", "--samples", "8", "--refinements", "32"]
    found = figures("kill_and_resume.py", *sizes, "--kills", "2", "--budget", "adaptive")
    assert found["completions"] == found["budget"] == 80 and found["kills"] == 2


def test_the_benchmark_of_the_engine_measures() -> None:
    found = figures("benchmarks/engine.py", "--tasks", "70", "--programs", "40")
    assert found["completions"] == 2800 and 0 < found["cpu_ms_per_program"] < 20
    assert 0 <= found["idle_percent"] < 50 and found["times_faster_than_rounds"] > 1
