"""What is asked of a model: recorded as it comes, no more under way than was asked for, none that is not needed."""

from __future__ import annotations

import dataclasses
import random
import signal
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

import soar
from soar.evolution.flow import refining_ahead
from soar.evolution.results import load_run
from soar.evolution.stopping import Programs, Seconds
from soar.models.base import Prompt, Reply, Sampling
from soar.models.openai.model import ModelSettings, OpenAIModel
from soar.models.scripted import ScriptedModel
from tests.models.endpoint_support import serving, usual_reply
from tests.search_support import TASKS, content, script

ROOT = Path(__file__).parents[2]
ONE = TASKS["task0"]
SOLVER = "```python\ndef transform(grid):\n    return [row[::-1] for row in grid]\n```"
WRONG = "```python\ndef transform(grid):\n    return [row[:1] + row[1:][::-1] for row in grid]\n```"

KILLED = """
import sys
import soar
from tests.search_support import TASKS
url, run, per_request = sys.argv[1:]
soar.search(TASKS, "openai:m@" + url, run=run, samples=24, refinements=8, samples_per_request=int(per_request),
            concurrency=4, workers=1, stop_when_solved=0, early_stop=1000)
"""


def held(run: Path) -> int:
    if not (run / "archive.sqlite").exists() or not (run / "tasks.json").exists():
        return 0
    with soar.Archive(run) as archive:
        return archive.counts()["completions"]


@pytest.mark.parametrize("per_request", [24, 5])
def test_a_kill_loses_no_more_than_what_is_under_way(tmp_path: Path, per_request: int) -> None:
    """A real server that gives one completion a request, and a search that is killed at several moments."""
    total, kills = 3 * 32, 0
    with serving() as server:
        server.reply = lambda *given: time.sleep(0.03) or usual_reply(*given)  # type: ignore[func-returns-value]
        command = [sys.executable, "-c", KILLED, server.url, str(tmp_path), str(per_request)]
        for moment in (1, 20, 50, 75, 90):
            process = subprocess.Popen(command, cwd=ROOT)
            while process.poll() is None and held(tmp_path) < moment:
                time.sleep(0.005)
            process.send_signal(signal.SIGKILL)
            process.wait()
            kills += 1
            time.sleep(0.1)  # what was under way ends at the server
            assert len(server.delivered) - held(tmp_path) <= 4 * kills
        subprocess.run(command, cwd=ROOT, check=True)
        assert held(tmp_path) == total and len(server.bodies) <= total + 4 * kills
        assert server.most <= 4
    results = load_run(tmp_path)
    assert results.summary.completions == sum(len(result.attempts) for result in results.values()) == total
    assert results.summary.prompt_tokens == 100 * total  # read for each of them


def test_what_was_paid_for_is_kept_before_its_programs_run(tmp_path: Path) -> None:
    slow = "```python\ndef transform(grid):\n    while True: pass\n```"
    options = {"samples": 8, "refinements": 0, "workers": 1, "seconds": 2.0}
    snapshots = soar.search_iter(ONE, ScriptedModel([slow, script(Prompt(()), 0, random.Random(1))]),
                                        run=tmp_path, **options)  # fmt: skip
    for _ in snapshots:
        if held(tmp_path):
            break
    snapshots.close()
    assert held(tmp_path) == 8 and len(load_run(tmp_path)["task0"].attempts) < 8
    model = ScriptedModel(script)
    results = soar.search([ONE], model, run=tmp_path, **options)
    assert model.requests == [] and len(results["task0"].attempts) == 8


class Counting(ScriptedModel):
    """Knows how many completions were under way at once, and the requests that brought them."""

    under_way = most = 0

    async def complete(self, prompt: Prompt, n: int, sampling: Sampling, seed: int) -> Reply:
        self.under_way += n
        self.most = max(self.most, self.under_way)
        try:
            return await super().complete(prompt, n, sampling, seed)
        finally:
            self.under_way -= n


@pytest.mark.parametrize(("n", "remote", "concurrency", "most"), [
    (True, False, 16, 16), (True, False, 3, 8), (True, True, 3, 3), (True, True, 20, 20), (False, False, 5, 5),
])  # fmt: skip
def test_no_more_completions_are_under_way_than_asked_for(n: bool, remote: bool, concurrency: int, most: int) -> None:
    model = Counting(script, latency=0.01, n=n)
    model.capabilities = dataclasses.replace(model.capabilities, remote=remote)
    options: dict[str, Any] = {"samples": 24, "refinements": 32, "samples_per_request": 8, "stop_when_solved": 0}
    results = soar.search(TASKS, model, concurrency=concurrency, **options)
    assert results.summary.completions == 3 * 56
    assert model.most <= most and model.most > most - 4
    assert {size for _, size, _ in model.requests} <= set(range(1, min(most, 8) + 1))


def test_an_endpoint_is_asked_for_as_many_as_it_says(tmp_path: Path) -> None:
    with serving() as server, closing(OpenAIModel("m", server.url, ModelSettings(dialect={"n": True}))) as model:
        server.reply = lambda *given: time.sleep(0.02) or usual_reply(*given)  # type: ignore[func-returns-value]
        results = soar.search(TASKS, model, samples=32, refinements=16, stop_when_solved=0)
        assert results.summary.completions == 144
        assert max(body.get("n", 1) for body in server.bodies) == 16  # 32 are asked for in two calls


def test_many_refinements_overlap_and_few_do_not() -> None:
    assert [refining_ahead(n, 4, 4) for n in (0, 16, 64, 255, 256, 512, 3000)] == [1, 1, 1, 1, 2, 4, 4]


def test_overlapping_refinements_are_the_same_at_any_concurrency_and_after_stops(tmp_path: Path) -> None:
    options: dict[str, Any] = {"samples": 8, "refinements": 64, "refinements_per_request": 1, "workers": 2}
    assert refining_ahead(64, 4, 1) == 2
    for concurrency in (1, 8):
        model = ScriptedModel(script, latency=lambda rng: rng.random() * 0.01)
        soar.search(TASKS, model, run=tmp_path / str(concurrency), concurrency=concurrency, **options)
    for programs in (20, 90, 150):
        soar.search(TASKS, ScriptedModel(script), run=tmp_path / "cut", stop=Programs(programs), **options)
    soar.search(TASKS, ScriptedModel(script), run=tmp_path / "cut", **options)
    assert content(tmp_path / "1") == content(tmp_path / "8") == content(tmp_path / "cut")


BUDGET: dict[str, Any] = {"samples": 24, "refinements": 64, "samples_per_request": 8, "workers": 1}


@pytest.mark.parametrize(("wanted", "seed", "budget"), [(2, 0, "fixed"), (9, 2, "fixed"), (10, 1, "adaptive")])
def test_it_is_asked_no_further_at_the_same_place_whatever_the_timing(
    tmp_path: Path, wanted: int, seed: int, budget: str
) -> None:
    folder, options = tmp_path, BUDGET | {"stop_when_solved": wanted, "seed": seed, "budget": budget}
    for concurrency in (1, 32):
        model = ScriptedModel(script, latency=lambda rng: rng.random() * 0.004)
        soar.search(TASKS, model, run=folder / str(concurrency), concurrency=concurrency, **options)
    soar.search(TASKS, ScriptedModel(script), run=folder / "cut", stop=Programs(70), **options)
    results = soar.search(TASKS, ScriptedModel(script), run=folder / "cut", **options)
    assert content(folder / "1") == content(folder / "32") == content(folder / "cut")
    for result in results.values():
        done = budget == "adaptive" or result.stats.completions == 88
        assert done or result.stats.solving_examples >= wanted


@pytest.mark.parametrize("n", [True, False])
def test_a_model_that_costs_something_is_asked_no_further_once_four_programs_solve(tmp_path: Path, n: bool) -> None:
    model = ScriptedModel([SOLVER], token_price=1e-6, n=n, latency=0.01)
    results = soar.search(TASKS, model, run=tmp_path, concurrency=8, **BUDGET)
    solved, other = results["task0"], results["task1"]
    assert results.config.stop_when_solved == 4 and results.summary.ended == 1
    assert solved.stats.completions == 8 if n else 4 <= solved.stats.completions < 88
    assert other.stats.completions == 88 and other.ended is None
    assert solved.ended == "asked no further, of 88 attempts, once 4 solve all examples"
    assert solved.ended in str(results) and "Asked no further: 1 tasks" in str(results)
    again = ScriptedModel([SOLVER], token_price=1e-6, n=n)
    assert soar.search(TASKS, again, run=tmp_path, **BUDGET).to_json() == results.to_json() and not again.requests
    more = soar.search(TASKS, ScriptedModel([SOLVER], n=n), run=tmp_path, stop_when_solved=0, **BUDGET)
    assert more["task0"].stats.completions == 88 and more.summary.ended == 0


def test_a_model_of_ones_own_is_asked_for_the_whole_budget() -> None:
    result = soar.search(ONE, ScriptedModel([SOLVER]), **BUDGET)
    assert result.stats.completions == 88 and result.ended is None
    assert soar.search(ONE, ScriptedModel([SOLVER]), stop_when_solved=4, **BUDGET).stats.completions == 8


def test_samples_count_when_refinements_stop() -> None:
    """One of each request solves: three of the samples, and in each step one on each of four islands."""
    model = ScriptedModel([SOLVER] + [WRONG] * 7)
    for wanted, completions in ((1, 24), (3, 24), (7, 24 + 4 * 4), (8, 24 + 8 * 4), (100, 88)):
        result = soar.search(ONE, model, early_stop=wanted, **BUDGET)
        assert result.stats.completions == completions


def test_islands_stop_together(tmp_path: Path) -> None:
    """No sample solves, each refinement does: four of each island are made, not sixteen of one."""

    def refined(prompt: Prompt, place: int, rng: random.Random) -> str:
        return SOLVER if "earlier attempt" in prompt.text else WRONG

    result = soar.search(ONE, ScriptedModel(refined), stop_when_solved=10, **BUDGET)
    assert result.stats.completions == 24 + 4 * 4


@pytest.mark.parametrize("limits", [{}, {"requests_per_minute": 1}])
@pytest.mark.parametrize("deed", ["429 seconds", "500"])
def test_a_stopper_ends_the_wait_for_a_turn_to_send(deed: str, limits: dict[str, float]) -> None:
    """The server says for ten minutes that it is asked too often, or may be asked once a minute."""
    told = ModelSettings.model_validate({"limits": {"retries": 100, **limits}})
    with serving(lambda body, times: deed) as server, closing(OpenAIModel("m", server.url, told)) as model:
        result = soar.search(ONE, model, stop=Seconds(2), samples=4, refinements=0)
        assert result.stopped is not None and result.stats.completions == 0
        assert not server.times or server.times[-1] - server.times[0] < 60


def one_at_a_time(latency: float = 0.02) -> ScriptedModel:
    """A model as many servers are: one completion a request, no seed, and some take ten times as long as others."""
    model = ScriptedModel(script, latency=lambda rng: latency * rng.choice([0.3, 1, 3]), n=False)
    model.capabilities = dataclasses.replace(model.capabilities, seed=False)
    return model


@pytest.mark.parametrize("budget", ["fixed", "adaptive"])
def test_nobody_waits_for_the_slowest_call_and_all_are_made(tmp_path: Path, budget: str) -> None:
    options: dict[str, Any] = {"samples": 16, "refinements": 32, "workers": 2, "budget": budget, "concurrency": 6}
    for programs in (1, 20, 60):
        soar.search(TASKS, one_at_a_time(), run=tmp_path, stop=Programs(programs), **options)
    results = soar.search(TASKS, one_at_a_time(), run=tmp_path, **options)
    assert results.stopped is None and results.summary.completions == 3 * 48
    for result in results.values():
        refined = [attempt for attempt in result.attempts if attempt.phase == "refine"]
        found = {attempt.key: attempt for attempt in result.attempts}
        assert all(found[key].refinable for attempt in refined for key in attempt.parents)
    model = one_at_a_time()
    assert soar.search(TASKS, model, run=tmp_path, **options).to_json() == results.to_json() and not model.requests


def test_a_call_under_way_does_not_hold_up_its_island() -> None:
    """Of four calls one never comes in time: the other three are refined meanwhile."""
    model = ScriptedModel([WRONG], latency=lambda rng: rng.choice([0.01, 0.01, 0.01, 0.5]), n=False)
    model.capabilities = dataclasses.replace(model.capabilities, seed=False)
    order: list[int] = []
    complete = model.complete

    async def watched(prompt: Prompt, n: int, sampling: Sampling, seed: int) -> Reply:
        place = len(model.requests)
        reply = await complete(prompt, n, sampling, seed)
        order.append(place)
        return reply

    model.complete = watched  # type: ignore[method-assign]
    result = soar.search(ONE, model, samples=16, refinements=64, concurrency=64)
    assert result.stats.completions == 80 and max(later - place for later, place in enumerate(order)) > 8
