from __future__ import annotations

import random
import sqlite3
from pathlib import Path

import numpy as np
import pytest

import soar
from soar.archive.records import Grant
from soar.evolution.budget import AdaptiveBudget, FixedBudget, TaskState
from soar.evolution.config import ConfigError, SearchConfig
from soar.evolution.stopping import Programs
from soar.models.base import Prompt
from soar.models.scripted import ScriptedModel
from tests.search_support import content, make_task, script

TASKS = {f"t{i}": make_task(f"t{i}", i) for i in range(6)}
OPTIONS = {
    "samples": 8, "refinements": 64, "samples_per_request": 8, "refinements_per_request": 2, "workers": 1, "seed": 2,
    "budget": "adaptive",
}  # fmt: skip
CONFIG = SearchConfig.of({"samples": 8, "refinements": 64, "refinements_per_request": 2})


def uneven(prompt: Prompt, place: int, rng: random.Random) -> str:
    """Two of the three kinds of task are solved at once, the third is never."""
    body = rng.choice(["[row[::-1] for row in grid]", "grid[::-1]", "[[9 - c for c in row] for row in grid]"])
    return f"```python\ndef transform(grid):\n    return {body}\n```"


def decisions(run: Path) -> list[tuple[int, str, int, int]]:
    connection = sqlite3.connect(run / "archive.sqlite")
    rows = connection.execute("SELECT round, task_hash, samples, refinements FROM decision ORDER BY 1, 2").fetchall()
    connection.close()
    return rows


def test_fixed_grants_all_at_once_and_what_is_raised() -> None:
    rng = np.random.default_rng(0)
    given = FixedBudget().grant(0, CONFIG, {"a": Grant(), "b": Grant()}, {}, rng)
    assert given == {"a": Grant(8, 64), "b": Grant(8, 64)}
    assert FixedBudget().grant(1, CONFIG, {"a": Grant(8, 64), "b": Grant(6, 40)}, {}, rng) == {"b": Grant(2, 24)}
    assert FixedBudget().grant(2, CONFIG, {"a": Grant(8, 64), "b": Grant(8, 64)}, {}, rng) == {}


def test_adaptive_prefers_tasks_that_are_close_and_leaves_done_ones() -> None:
    had = Grant(8, 16)
    granted = dict.fromkeys("abcd", had)
    states = {"a": TaskState(24, had, 0.75, 0), "b": TaskState(24, had, 0.0, 0), "c": TaskState(24, had, 1.0, 10)}
    states["d"] = TaskState(24, had, 1.0, 9)
    totals = dict.fromkeys("abcd", 0)
    for seed in range(200):
        for task, n in AdaptiveBudget().grant(2, CONFIG, granted, states, np.random.default_rng(seed)).items():
            assert n.samples == 0 and 0 < n.refinements <= 4 * 8 and n.refinements % 8 == 0
            totals[task] += n.refinements
    assert totals["c"] == 0 and totals["d"] > totals["a"] > 10 * totals["b"]
    assert sum(totals.values()) == 200 * 4 * 8  # one part for each task, whoever gets it


def test_adaptive_gives_way_after_many_in_vain() -> None:
    granted = {"tried": Grant(8, 4000), "fresh": Grant(8, 16)}
    states = {task: TaskState(had.total, had, 0.5, 0) for task, had in granted.items()}
    config = SearchConfig.of({"samples": 8, "refinements": 6400, "refinements_per_request": 2})
    given = AdaptiveBudget().grant(2, config, granted, states, np.random.default_rng(0))
    assert given["fresh"].refinements > 9 * given.get("tried", Grant()).refinements


def test_adaptive_spends_no_more_than_fixed_and_moves_it_where_it_pays(tmp_path: Path) -> None:
    model = ScriptedModel(uneven)
    snapshots = list(soar.search_iter(TASKS, model, run=tmp_path, early_stop=16, **OPTIONS))
    assert all(6 * 72 >= one.budget >= one.completions for one in snapshots)
    last = snapshots[-1]
    assert last.results is not None
    made = {id: result.stats.completions for id, result in last.results.items()}
    assert sum(made.values()) == last.completions == last.budget <= 6 * 72
    assert last.tasks_done == last.tasks_total == 6
    solved = [made[id] for id in TASKS if int(id[1]) % 3 < 2]
    hopeless = [made[id] for id in TASKS if int(id[1]) % 3 == 2]
    assert max(solved) < 72 < min(hopeless)  # the others are done early, and what they leave is not lost
    rounds = {number for number, *_ in decisions(tmp_path)}
    assert rounds == set(range(len(rounds))) and len(rounds) > 4


def test_the_same_decisions_at_any_concurrency_and_after_stops(tmp_path: Path) -> None:
    for concurrency in (1, 8):
        model = ScriptedModel(script, latency=lambda rng: rng.random() * 0.005)
        soar.search(TASKS, model, run=tmp_path / str(concurrency), concurrency=concurrency, early_stop=24, **OPTIONS)
    for programs in range(60, 400, 90):
        soar.search(
            TASKS, ScriptedModel(script), run=tmp_path / "cut", early_stop=24, stop=Programs(programs), **OPTIONS
        )
    *_, last = soar.search_iter(TASKS, ScriptedModel(script), run=tmp_path / "cut", early_stop=24, **OPTIONS)
    assert decisions(tmp_path / "1") == decisions(tmp_path / "8") == decisions(tmp_path / "cut")
    assert content(tmp_path / "1") == content(tmp_path / "8") == content(tmp_path / "cut")
    assert last.results is not None and last.completions == last.results.summary.completions


def test_a_raised_budget_goes_on(tmp_path: Path) -> None:
    soar.search(TASKS, ScriptedModel(uneven), run=tmp_path, **OPTIONS)
    before = decisions(tmp_path)
    soar.search(TASKS, ScriptedModel(uneven), run=tmp_path, **(OPTIONS | {"refinements": 96}))
    after = decisions(tmp_path)
    assert set(before) < set(after)
    with pytest.raises(ConfigError, match="budget was 'adaptive' and is now 'fixed'"):
        soar.search(TASKS, ScriptedModel(uneven), run=tmp_path, **(OPTIONS | {"budget": "fixed", "refinements": 96}))
