from __future__ import annotations

import io
from pathlib import Path

from rich.console import Console

import soar
from soar.models.prices import dollars
from soar.search.results_view import SHOWN, results_to_rich
from soar.testing import ScriptedModel
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
