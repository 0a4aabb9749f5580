from __future__ import annotations

import dataclasses
import subprocess
import sys
from pathlib import Path

import soar
from soar.models.scripted import ScriptedModel
from soar.programs.lineage import ancestors, change, line_text, short_line
from soar.programs.program import Attempt, Program
from tests.search_support import TASKS, attempt, script


def made(key: str, accuracy: float, source: str, *parents: str) -> Attempt:
    return dataclasses.replace(attempt(key, accuracy), program=Program(source), parents=parents)


FAMILY = {
    one.key: one
    for one in (
        made("a", 0.25, "def transform(grid):\n    return grid\n"),
        made("b", 0.5, "def transform(grid):\n    return grid[::-1]\n", "a"),
        made("c", 0.5, "import numpy\n", "a"),
        made("d", 1.0, "def transform(grid):\n    return grid[::-1]\n", "b", "c"),
    )
}


def test_all_ancestors_come_before_their_children_once() -> None:
    assert [one.key for one in ancestors(FAMILY["d"], FAMILY.__getitem__)] == ["a", "b", "c", "d"]
    assert [one.key for one in ancestors(FAMILY["a"], FAMILY.__getitem__)] == ["a"]


def test_what_a_step_changed() -> None:
    assert change(FAMILY["a"], FAMILY["b"]) == ["-    return grid", "+    return grid[::-1]"]
    assert change(FAMILY["b"], FAMILY["d"]) == []


def test_a_line_as_text() -> None:
    line = ancestors(FAMILY["d"], FAMILY.__getitem__)
    text = line_text(line)
    assert "a: 25% of the examples right; sampled\n      def transform(grid):\n" in text
    assert "b: 50% of the examples right; refined from a\n    -    return grid\n    +    return grid[::-1]\n" in text
    assert text.endswith("d: 100% of the examples right; refined from b with c\n    (the same program again)")
    assert short_line(line) == "a 25% → b 50% → c 50% → d 100%"


def test_a_run_is_shown_with_lines_failures_and_gap(tmp_path: Path) -> None:
    replies = [
        "```python\ndef transform(grid):\n    return [[9 - cell for cell in row] for row in grid]\n```",
        "```python\ndef transform(grid):\n    return grid[7]\n```",
        "no idea",
        "```python\ndef transform(grid):\n    return grid[::-1]\n```",
    ]
    options = {"samples": 8, "samples_per_request": 4, "refinements": 8, "islands": 1, "workers": 1}
    results = soar.search(TASKS, ScriptedModel(replies), run=tmp_path, **options)
    summary = results.summary
    assert summary.failures == {"error": 12} and summary.parse_failures == 12
    assert results["task1"].stats.failures == {"error": 4} and results["task1"].stats.unique_outputs == 2
    assert summary.unique_outputs == 6 and summary.gap == 0
    assert "no program 25.0%, error 25.0% of the completions; 6 different answers" in str(results)
    assert results["task1"].line[-1].key == results["task1"].best.key  # type: ignore[union-attr]
    shown = subprocess.run([sys.executable, "-m", "soar", "show", tmp_path], capture_output=True, text=True, check=True)
    assert "task1: 0/sample/-/0/3 100%" in shown.stdout and "which the vote misses by 0.00 points" in " ".join(
        shown.stdout.split()
    )
    command = [sys.executable, "-m", "soar", "show", tmp_path, "--task", "task1"]
    one = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "How it was found:\n0/sample/-/0/3: 100% of the examples right; sampled" in one.stdout
    missing = subprocess.run([*command[:-1], "taks1"], capture_output=True, text=True)
    assert missing.returncode == 2 and "nearest: task1" in missing.stderr


def test_a_refined_best_has_its_parents_in_its_line() -> None:
    result = soar.search(TASKS["task2"], ScriptedModel(script), samples=8, refinements=40, workers=1, seed=1)
    refined = next(one for one in result.attempts if one.parents)
    line = ancestors(refined, {one.key: one for one in result.attempts}.__getitem__)
    assert len(line) > 1 and line[-1] == refined and set(refined.parents) <= {one.key for one in line[:-1]}
