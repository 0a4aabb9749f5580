from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

import soar
from soar.evolution.results import load_run
from soar.evolution.results_table import SHOWN, results_to_rich
from soar.evolution.stopping import StopFile
from soar.models.base import Prompt, Reply, Sampling
from soar.models.openai.prices import dollars
from soar.models.scripted import ScriptedModel
from tests.search_support import make_task, script


def test_a_long_table_is_cut_and_says_how_to_see_the_rest(tmp_path: Path) -> None:
    tasks = [make_task(f"task{i:03}", i) for i in range(SHOWN + 3)]
    results = soar.search(tasks, ScriptedModel(script), samples=8, refinements=0, run=tmp_path / "run")
    solved = sum(results[task.id].solved is True for task in tasks[SHOWN:])
    console = Console(width=400, record=True, file=io.StringIO())
    console.print(results)
    cut = console.export_text()
    assert f"... and 3 more tasks, {solved} of them solved; all rows: soar show {tmp_path / 'run'} --all" in cut
    assert "task029" in cut and "task030" not in cut
    assert "task030" not in str(results) and "task030" not in results._repr_html_()
    console.print(results_to_rich(results, None))
    full = console.export_text()
    assert "task032" in full and "more tasks" not in full


def test_the_summary_says_what_a_solved_task_cost() -> None:
    tasks = [make_task(f"task{i}", i) for i in range(2)]
    right = "```python\ndef transform(grid):\n    return [row[::-1] for row in grid]\n```"
    results = soar.search(tasks, ScriptedModel([right], token_price=0.5), samples=4, refinements=0, min_p=0.05)
    summary = results.summary
    assert summary.tasks_solved == 1 and summary.cost
    price = dollars(summary.cost)
    assert f"{price} (for each solved task {summary.tokens} written, {price})" in str(results)


class CutModel(ScriptedModel):
    """Says of every fourth reply that it was cut."""

    async def complete(self, prompt: Prompt, n: int, sampling: Sampling, seed: int) -> Reply:
        reply = await super().complete(prompt, n, sampling, seed)
        kinds = ("length", "stop", "stop", "stop")
        cut = [replace(one, finish_reason=kinds[i % 4]) for i, one in enumerate(reply.completions)]
        return replace(reply, completions=tuple(cut))


def test_many_cut_replies_are_warned_of_with_the_option_that_mends_it() -> None:
    options = {"samples": 8, "refinements": 0, "samples_per_request": 8}
    results = soar.search([make_task("one", 1)], CutModel(["x" * 40]), **options)
    assert results.cut == (2, 10)
    assert "25.0% of the replies were cut at the longest length (10 tokens)" in str(results)
    assert "--max-tokens" in str(results) and "max_tokens" in str(results)
    assert results["one"].cut == (2, 10)
    console = Console(width=400, record=True, file=io.StringIO())
    console.print(results["one"])
    assert "25.0% of the replies were cut" in console.export_text()
    reasons = [attempt.finish_reason for attempt in results["one"].attempts]
    assert reasons.count("length") == 2 and reasons.count("stop") == 6
    whole = soar.search([make_task("one", 1)], ScriptedModel(["x" * 40]), **options)
    assert whole.cut == (0, 0) and "were cut" not in str(whole)


def test_a_task_that_is_not_begun_waits_and_does_not_read_as_unsolved(tmp_path: Path) -> None:
    tasks = [make_task(f"task{i}", i) for i in range(3)]
    run, options = tmp_path / "run", {"samples": 4, "refinements": 0}
    soar.search(tasks[:1], ScriptedModel(script), run=run, **options)
    (tmp_path / "stop").touch()
    soar.search(tasks, ScriptedModel(script), run=run, stop=StopFile(tmp_path / "stop"), **options)
    seen = load_run(run)
    console = Console(width=400, record=True, file=io.StringIO())
    console.print(seen)
    text = console.export_text()
    assert text.count("waiting") == 2
    assert "Waiting, not begun, and counted as not solved above: 2 of 3 tasks" in text
    assert sum("waiting, not searched yet" in result.summary for result in seen.values()) == 2


def test_summaries_read_the_same_called_or_not_and_results_have_places() -> None:
    tasks = [make_task(f"task{i}", i) for i in range(3)]
    results = soar.search(tasks, ScriptedModel(script), samples=4, refinements=0)
    assert results.summary() == results.summary and results.summary().completions == 12
    assert results[0].summary() == results[0].summary and results[0].summary.startswith("task0: ")
    assert results[0] is results["task0"] and results[-1] is results["task2"]
    with pytest.raises(IndexError):
        results[3]
    with pytest.raises(KeyError):
        results["nosuch"]
    assert list(results) == ["task0", "task1", "task2"] and 0 not in list(results)


def test_a_log_gets_a_line_now_and_then_and_with_progress_one_for_each_task(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    tasks, options = [make_task(f"task{i}", i) for i in range(3)], {"samples": 4, "refinements": 0}
    soar.search(tasks, ScriptedModel(script), **options)
    assert capsys.readouterr().err == ""  # over before there is anything to tell
    monkeypatch.setattr("soar.evolution.progress_bar.QUIET", 0.0)
    soar.search(tasks, ScriptedModel(script), **options)
    assert "3/3 tasks" in capsys.readouterr().err
    soar.search(tasks, ScriptedModel(script), progress=False, **options)
    assert capsys.readouterr().err == ""
