from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

import soar
from soar.evolution.config import ConfigError
from soar.evolution.progress import Progress
from soar.evolution.progress_bar import describe
from soar.evolution.stopping import Cost, Programs, Seconds, StopFile, Stopper, Tokens
from soar.models.scripted import ScriptedModel
from tests.search_support import TASKS, content, script

SMALL = {"samples": 40, "refinements": 20, "samples_per_request": 8, "workers": 1}


def test_joined_stoppers_stop_when_one_does(tmp_path: Path) -> None:
    progress = Progress(1, 10, {}, programs=5, tokens=100)
    joined = Programs(6) | Tokens(101) | Seconds(60) | StopFile(tmp_path / "stop")
    assert joined.reason(progress.snapshot()) is None
    (tmp_path / "stop").touch()
    assert "remove it" in (joined.reason(progress.snapshot()) or "")
    assert (Programs(5) | joined).reason(progress.snapshot()) == "5 programs of 5 wanted"
    assert Tokens(100).reason(progress.snapshot()) == "100 tokens of 100 allowed"
    progress.started -= 61
    assert Seconds(60).reason(progress.snapshot()) == "61 seconds of 60 allowed"


@pytest.mark.parametrize("stop", [Programs(30), Tokens(500), Seconds(0.3)])
@pytest.mark.parametrize("n", [True, False])
def test_a_stopped_search_ends_as_if_it_had_not_been(tmp_path: Path, stop: Stopper, n: bool) -> None:
    soar.search(TASKS, ScriptedModel(script, n=n), run=tmp_path / "whole", **SMALL)
    model = ScriptedModel(script, latency=0.05, n=n, max_concurrency=2)
    results = soar.search(TASKS, model, run=tmp_path / "cut", stop=stop, **SMALL)
    assert results.stopped is not None and results["task0"].stopped == results.stopped
    assert results.summary.completions == sum(n for _, n, _ in model.requests) < 180
    lines = [json.loads(line) for line in (tmp_path / "cut" / "metrics.jsonl").read_text().splitlines()]
    assert lines[-1] == {"stopped": results.stopped, "completions": results.summary.completions}
    assert soar.search(TASKS, ScriptedModel(script, n=n), run=tmp_path / "cut", **SMALL).stopped is None
    assert content(tmp_path / "cut") == content(tmp_path / "whole")


def test_a_search_ends_at_its_cost_and_knows_it_when_it_goes_on(tmp_path: Path) -> None:
    def model() -> ScriptedModel:
        return ScriptedModel(script, token_price=0.0001, max_concurrency=2, latency=0.01)

    seen = list(soar.search_iter(TASKS, model(), run=tmp_path / "cut", stop=Cost(0.5) | Seconds(60), **SMALL))
    results = seen[-1].results
    cost = seen[-1].cost
    assert results is not None and results.stopped is not None and cost is not None and 0.5 <= cost < 1.0
    assert results.stopped.endswith(" of $0.5 allowed")  # requests under way came on top of what it names
    assert f", ${cost:.2f}" in describe(replace(seen[-1], stopped=None))
    summary = results.summary
    assert summary.cost == pytest.approx(0.0001 * (summary.tokens + summary.prompt_tokens)) == pytest.approx(cost)
    assert f"${summary.cost:.2f}" in str(results)
    second = model()
    again = soar.search(TASKS, second, run=tmp_path / "cut", stop=Cost(0.5), **SMALL)
    assert again.stopped == f"${cost:.4f} of $0.5 allowed" and second.requests == []  # what it cost before counts
    soar.search(TASKS, model(), run=tmp_path / "cut", **SMALL)
    soar.search(TASKS, model(), run=tmp_path / "whole", **SMALL)
    assert content(tmp_path / "cut") == content(tmp_path / "whole")


@pytest.mark.parametrize("stop", [Cost(1), Seconds(60) | Cost(1)])
def test_a_cost_is_refused_before_anything_is_sent_where_no_prices_are_known(tmp_path: Path, stop: Stopper) -> None:
    model = ScriptedModel(script)
    with pytest.raises(ConfigError, match="does not say what its replies cost"):
        soar.search(TASKS, model, run=tmp_path / "run", stop=stop, **SMALL)
    assert model.requests == [] and not (tmp_path / "run").exists()


def test_requests_of_one_completion_each_cost_their_sum() -> None:
    def cost(n: bool) -> float:
        model = ScriptedModel(script, n=n, token_price=0.001)
        return soar.search(TASKS["task0"], model, samples=8, refinements=0).stats.cost or 0.0

    assert cost(n=False) > 3 * cost(n=True) > 0  # seven prompts more are paid for


def test_a_stop_file_that_is_there_stops_at_once(tmp_path: Path) -> None:
    (tmp_path / "stop").touch()
    model = ScriptedModel(script)
    result = soar.search(TASKS["task0"], model, stop=StopFile(tmp_path / "stop"), **SMALL)
    assert result.stopped is not None and str(tmp_path / "stop") in result.stopped
    assert model.requests == [] and result.predictions == [] and result.best is None


def test_snapshots_say_that_it_stops() -> None:
    seen = list(soar.search_iter(TASKS, ScriptedModel(script), stop=Programs(1), **SMALL))
    assert seen[-1].stopped is not None and seen[-1].tasks_done == 0 and seen[-1].tokens_per_second > 0
    assert describe(seen[-1]).startswith("stopping (")
