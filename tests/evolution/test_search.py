from __future__ import annotations

import asyncio
import dataclasses
import gc
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

import soar
from soar.archive.reader import ArchiveError
from soar.archive.writer import ArchiveWriter
from soar.evolution.config import ConfigError, SearchConfig
from soar.evolution.engine import _EngineThread
from soar.evolution.plan import PromptTooLongError, sampling
from soar.evolution.progress import Progress
from soar.evolution.progress_bar import watched
from soar.evolution.results import load_run
from soar.evolution.sizes import island_budget, request_sizes
from soar.models.base import ModelError, Prompt, Reply, Sampling
from soar.models.scripted import Script, ScriptedModel
from soar.prompts.prompt_set import load_prompt_set
from soar.tasks.task import Task
from tests.search_support import TASKS, content, script

SMALL = {"samples": 40, "refinements": 20, "samples_per_request": 8, "workers": 2}
ROOT = Path(__file__).parents[2]


def test_a_search_over_several_tasks(tmp_path: Path) -> None:
    model = ScriptedModel(script)
    results = soar.search(TASKS, model, run=tmp_path, **SMALL)
    assert list(results) == list(TASKS)
    for id, result in results.items():
        assert result.task is TASKS[id] and result.solved is True and result.test_correct == [True]
        assert result.predictions[0].outputs == (TASKS[id].test[0].output,)
        assert result.best is not None and result.best.train_accuracy == 1.0
        assert len(result.attempts) == result.stats.completions == 60
        accuracies = [attempt.train_accuracy for attempt in result.attempts]
        assert accuracies == sorted(accuracies, reverse=True)
        assert result.attempts[-1].program is None and result.stats.parse_failures > 0
        assert {attempt.island for attempt in result.attempts} == {None, 0, 1, 2, 3}
        parents = {key for attempt in result.attempts for key in attempt.parents}
        refinable = {attempt.key for attempt in result.attempts if attempt.refinable}
        assert parents and parents <= refinable
    summary = results.summary
    assert (summary.tasks_solved, summary.mean_solved, summary.outputs_solved, summary.oracle) == (3, 1.0, 1.0, 1.0)
    assert summary.completions == 180
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert {line["task"]: line["completions"] for line in lines} == dict.fromkeys(TASKS, 60)
    again = load_run(tmp_path)
    assert again.to_json() == results.to_json()
    for drawn in (str(results), results._repr_html_(), str(results["task0"]), results["task0"]._repr_html_()):
        assert "task0" in drawn


def test_one_task_without_a_run_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    result = soar.search(TASKS["task0"], ScriptedModel(script), **SMALL)
    assert result.solved and list(tmp_path.glob("soar-*/archive.sqlite"))
    del result
    gc.collect()
    assert not list(tmp_path.glob("soar-*/archive.sqlite"))


def test_the_same_seed_gives_the_same_archive_at_any_concurrency(tmp_path: Path) -> None:
    for concurrency in (1, 8):
        model = ScriptedModel(script, latency=lambda rng: rng.random() * 0.01)
        soar.search(
            TASKS, model, run=tmp_path / str(concurrency), seed=3, concurrency=concurrency, early_stop=4, **SMALL
        )
        assert model.most_in_flight <= concurrency
    assert content(tmp_path / "1") == content(tmp_path / "8")
    soar.search(TASKS, ScriptedModel(script), run=tmp_path / "other", seed=4, early_stop=4, **SMALL)
    assert content(tmp_path / "1") != content(tmp_path / "other")


KILLED = """
import sys
import threading
import soar
from soar import ScriptedModel
from tests.search_support import TASKS, script
model = ScriptedModel(script, latency=lambda rng: 0.02 + rng.random() * 0.06)
soar.search(TASKS, model, run=sys.argv[1], samples=40, refinements=20, samples_per_request=8, workers=1, seed=5)
"""


@pytest.mark.slow
def test_killed_at_any_moment_it_ends_as_if_it_had_not_been(tmp_path: Path) -> None:
    command = [sys.executable, "-c", KILLED]
    undisturbed = tmp_path / "undisturbed"
    subprocess.run([*command, undisturbed], cwd=ROOT, check=True)
    rng = random.Random(0)
    run = tmp_path / "killed"
    for part in range(1, 5):
        process = subprocess.Popen([*command, run], cwd=ROOT)
        while process.poll() is None and _completions(run) < 36 * part:
            time.sleep(0.01)
        time.sleep(rng.random() * 0.05)
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
    assert 36 * 4 <= _completions(run) < 180
    subprocess.run([*command, run], cwd=ROOT, check=True)
    assert content(run) == content(undisturbed)
    assert _completions(run) == 180
    assert load_run(run).to_json() == load_run(undisturbed).to_json()


def _completions(run: Path) -> int:
    if not (run / "archive.sqlite").exists() or not (run / "tasks.json").exists():
        return 0
    with soar.Archive(run) as archive:
        return archive.counts()["completions"]


def test_the_best_of_equals_does_not_depend_on_timing(tmp_path: Path) -> None:
    options = SMALL | {"samples": 32, "refinements": 0, "samples_per_request": 4}
    solver = "```python\ndef transform(grid):\n    return [row[::-1] for row in grid]\n```"
    for latency in (0.0, 0.02):
        model = ScriptedModel([solver], latency=lambda rng, most=latency: rng.random() * most)
        result = soar.search(TASKS["task0"], model, run=tmp_path / str(latency), **options)
        keys = [attempt.key for attempt in result.attempts]
        assert keys == [f"0/sample/-/{step}/{place}" for step in range(8) for place in range(4)]


def test_a_finished_search_is_only_read_again(tmp_path: Path) -> None:
    first = soar.search(TASKS, ScriptedModel(script), run=tmp_path, **SMALL)
    before, model = content(tmp_path), ScriptedModel(script)
    assert soar.search(TASKS, model, run=tmp_path, **SMALL).to_json() == first.to_json()
    assert model.requests == [] and content(tmp_path) == before


def test_without_test_outputs_the_search_is_the_same(tmp_path: Path) -> None:
    hidden = {id: task.without_test_outputs() for id, task in TASKS.items()}
    seen = soar.search(TASKS, ScriptedModel(script), run=tmp_path / "a", **SMALL)
    blind = soar.search(hidden, ScriptedModel(script), run=tmp_path / "b", **SMALL)
    assert content(tmp_path / "a") == content(tmp_path / "b")
    assert [seen[id].predictions for id in TASKS] == [blind[id].predictions for id in TASKS]
    assert blind["task0"].solved is None and blind["task0"].test_correct == [None]
    assert blind.summary.mean_solved is None and blind.summary.graded == 0


@pytest.mark.parametrize(
    ("train", "test", "shown"),
    [
        (("abc", "cba"), ("xyz", "zyx"), '"abc" -> "cba"'),
        (([1, "b", None], [None, "b", 1]), ([[], {"k": 0.5}], [{"k": 0.5}, []]), '[1,"b",null] -> [null,"b",1]'),
    ],
)
def test_string_and_list_problems_are_searched_by_the_same_call(
    tmp_path: Path, train: tuple[object, object], test: tuple[object, object], shown: str
) -> None:
    examples = [[{"input": pair[0], "output": pair[1]}] for pair in (train, test)]
    line = {"id": "reverse", "train": examples[0], "test": examples[1]}
    (tmp_path / "problems.jsonl").write_text(json.dumps(line) + "\n")
    replies = [
        "```python\ndef transform(value):\n    return value[::-1]\n```",
        "def transform(value):\n    return value",
    ]
    model = ScriptedModel(replies)
    result = soar.search(soar.load_tasks(tmp_path / "problems.jsonl"), model, **SMALL)["reverse"]
    assert result.solved is True and result.predictions[0].outputs == (test[1],)
    assert shown in model.requests[0][0].text.replace(", ", ",")


def test_a_model_for_grids_only_skips_other_values(tmp_path: Path) -> None:
    words = Task("words", (soar.Example("a", "b"),), (soar.Example("c"),))
    with pytest.raises(PromptTooLongError, match="task words: prompt set mini shows grids only"):
        soar.search(words, ScriptedModel(script, prompt_set="mini"), run=tmp_path / "run", **SMALL)
    assert not (tmp_path / "run").exists()


def test_inside_a_running_event_loop() -> None:
    async def notebook() -> bool | None:
        return soar.search(TASKS["task0"], ScriptedModel(script, latency=0.001), **SMALL).solved

    assert asyncio.run(notebook()) is True


def test_snapshots_and_an_early_end(tmp_path: Path) -> None:
    model = ScriptedModel(script, latency=0.02)
    seen = list(soar.search_iter(TASKS, model, run=tmp_path / "whole", **SMALL))
    assert seen[-1].tasks_done == seen[-1].tasks_total == 3 and seen[-1].completions == seen[-1].budget == 180
    assert seen[-1].results is not None and all(snapshot.results is None for snapshot in seen[:-1])
    assert [snapshot.completions for snapshot in seen] == sorted(snapshot.completions for snapshot in seen)

    snapshots = soar.search_iter(TASKS, ScriptedModel(script, latency=0.2), run=tmp_path / "cut", **SMALL)
    next(snapshots)
    snapshots.close()
    assert _completions(tmp_path / "cut") < 180
    soar.search(TASKS, ScriptedModel(script), run=tmp_path / "cut", **SMALL)
    assert content(tmp_path / "cut") == content(tmp_path / "whole")


def pressing(run: Path, times: int) -> Script:
    """A script that presses Ctrl-C so many times once 40 completions are recorded."""
    pressed: list[bool] = []

    def interrupt(prompt: Prompt, place: int, rng: random.Random) -> str:
        handled = not pressed or signal.getsignal(signal.SIGINT) is signal.default_int_handler
        if handled and len(pressed) < times and _completions(run) >= 40:
            pressed.append(True)
            os.kill(os.getpid(), signal.SIGINT)
        return script(prompt, place, rng)

    return interrupt


def test_lines_come_when_a_task_ends_and_now_and_then(capsys: pytest.CaptureFixture[str]) -> None:
    moments = [(0.0, 0), (5.0, 0), (14.9, 0), (15.1, 0), (20.0, 0), (31.0, 0), (32.0, 1), (33.0, 1)]
    start = Progress(tasks_total=2, budget=8, skipped={}).snapshot()
    snapshots = [dataclasses.replace(start, seconds=seconds, tasks_done=done) for seconds, done in moments]
    assert list(watched(iter(snapshots), progress=True)) == snapshots
    lines = capsys.readouterr().err.splitlines()
    assert [line.split(" tasks")[0] for line in lines] == ["0/2"] * 3 + ["1/2"]


def test_ctrl_c_finishes_what_runs_and_reports(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = ScriptedModel(pressing(tmp_path, 1), latency=0.05)
    results = soar.search(TASKS, model, run=tmp_path, **SMALL)
    assert results.stopped == "Ctrl-C" and "once more ends at once" in capsys.readouterr().err
    assert results.summary.completions == sum(n for _, n, _ in model.requests) < 180  # nothing sent was lost
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    whole = soar.search(TASKS, ScriptedModel(script), run=tmp_path, **SMALL)
    assert whole.stopped is None and whole.summary.completions == 180


def test_a_second_ctrl_c_ends_at_once(tmp_path: Path) -> None:
    model = ScriptedModel(pressing(tmp_path, 2), latency=lambda rng: rng.random() * 0.5)
    with pytest.raises(KeyboardInterrupt):
        soar.search(TASKS, model, run=tmp_path, **SMALL)
    assert 40 <= _completions(tmp_path) < 180
    assert soar.search(TASKS, ScriptedModel(script), run=tmp_path, **SMALL).summary.completions == 180


class FailingModel(ScriptedModel):
    """Answers a few requests, then no more."""

    async def complete(self, prompt: Prompt, n: int, sampling: Sampling, seed: int) -> Reply:
        if len(self.requests) >= 5:
            raise ModelError("the model is gone")
        return await super().complete(prompt, n, sampling, seed)


def test_a_failure_of_the_model_rises_and_loses_nothing(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="the model is gone"):
        soar.search(TASKS, FailingModel(script), run=tmp_path, **SMALL)
    soar.search(TASKS, ScriptedModel(script), run=tmp_path, **SMALL)
    assert _completions(tmp_path) == 180


def test_a_second_search_in_the_same_folder_is_refused(tmp_path: Path) -> None:
    with ArchiveWriter(tmp_path / "archive.sqlite"), pytest.raises(ArchiveError, match=f"process {os.getpid()}"):
        soar.search(TASKS, ScriptedModel(script), run=tmp_path, **SMALL)


def test_early_stop_ends_each_phase(tmp_path: Path) -> None:
    solver = "```python\ndef transform(grid):\n    return [row[::-1] for row in grid]\n```"
    model = ScriptedModel([solver])
    options = {"samples": 400, "refinements": 400, "samples_per_request": 8, "early_stop": 16, "workers": 1}
    result = soar.search(TASKS["task0"], model, run=tmp_path, **options)
    # Sampling: 16 are known once requests 0 and 1 are done, so 2 .. 4 are under way by then (a lookahead of four).
    sampled = sum(attempt.phase == "sample" for attempt in result.attempts)
    assert sampled == 8 * 5
    assert result.stats.completions == sampled  # which count in the refinement phase too: nothing is left to ask for
    assert result.stats.programs == 1


def test_with_nothing_to_refine_it_samples_on() -> None:
    model = ScriptedModel(["```python\ndef transform(grid):\n    return 1 / 0\n```"])
    result = soar.search(TASKS["task0"], model, **SMALL)
    assert result.stats.completions == result.stats.errors == 60
    assert all(attempt.parents == () for attempt in result.attempts)
    assert len({prompt.text for prompt, _, _ in model.requests}) == 1


def test_one_completion_at_a_time_where_the_model_has_no_n() -> None:
    model = ScriptedModel(script, n=False)
    result = soar.search(TASKS["task0"], model, **SMALL)
    assert {n for _, n, _ in model.requests} == {1} and result.stats.completions == 60
    assert len({seed for _, _, seed in model.requests}) == 60


def test_prompts_that_do_not_fit_are_named_before_anything_is_sent(tmp_path: Path) -> None:
    wide = Task("wide", TASKS["task0"].train * 20, TASKS["task0"].test)
    model = ScriptedModel(script, context_length=1000)
    options = SMALL | {"max_tokens": 100}
    with pytest.raises(PromptTooLongError, match=r"task wide: its prompt has \d+ tokens"):
        soar.search(wide, model, run=tmp_path / "one", **options)
    assert model.requests == [] and not (tmp_path / "one").exists()
    results = soar.search([*TASKS.values(), wide], model, **options)
    assert list(results.skipped) == ["wide"] and "tokens" in str(results["wide"].skipped)
    assert results.summary.searched == 3 and results["wide"].predictions == []
    assert results.summary.mean_solved == 0.75


def test_examples_can_be_dropped_from_prompts_that_do_not_fit(tmp_path: Path) -> None:
    wide = Task("wide", TASKS["task0"].train * 20, TASKS["task0"].test)
    model = ScriptedModel(script, context_length=1000)
    *_, last = soar.search_iter(wide, model, run=tmp_path, drop_examples=True, max_tokens=100, **SMALL)
    result = last.results["wide"] if last.results else None
    assert result is not None and result.stats.completions == 60 and 0 < last.dropped["wide"] < 60
    assert all(len(prompt.text) <= 4 * 900 for prompt, _, _ in model.requests)
    assert result.best is not None and len(result.best.train) == 60  # judged on all of them
    assert any(attempt.parents for attempt in result.attempts)
    line = json.loads((tmp_path / "metrics.jsonl").read_text().splitlines()[0])
    assert line == {"task": "wide", "dropped_examples": last.dropped["wide"]}
    with pytest.raises(PromptTooLongError, match="even with one example"):
        narrow = ScriptedModel(script, context_length=110)
        soar.search(wide, narrow, drop_examples=True, max_tokens=100, **SMALL)


def test_what_a_model_cannot_be_told_is_refused(tmp_path: Path) -> None:
    for name in ("sample.j2", "refine.j2", "prefill.j2"):
        (tmp_path / name).write_text("x")
    model = ScriptedModel(script)
    model.capabilities = dataclasses.replace(model.capabilities, prefill=False)
    with pytest.raises(ConfigError, match=r"which cannot have that.*without prefill\.j2"):
        soar.search(TASKS["task0"], model, prompt_set=str(tmp_path), **SMALL)
    assert model.requests == []


def test_refinements_that_do_not_fit_are_not_asked() -> None:
    long = "```python\ndef transform(grid):\n" + "    # why not\n" * 300 + "    return grid[::-1]\n```"
    short = "```python\ndef transform(grid):\n    return [row + row for row in grid]\n```"
    model = ScriptedModel([long, short], context_length=1000)
    result = soar.search(TASKS["task0"], model, max_tokens=100, **SMALL)
    refined = {key for attempt in result.attempts for key in attempt.parents}
    sources = {attempt.program.source for attempt in result.attempts if attempt.key in refined and attempt.program}
    assert len(sources) == 1 and "row + row" in sources.pop()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sampels": 3}, "unknown option 'sampels'; nearest: samples"),
        ({"samples": -1}, "samples: .*greater than or equal to 0"),
        ({"rules": ["long-lines"]}, "rules.0: "),
    ],
)
def test_bad_options_are_named_and_nothing_is_written(tmp_path: Path, options: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        soar.search(TASKS, ScriptedModel(script), run=tmp_path / "run", **options)
    with pytest.raises(ConfigError, match="the set is empty"):
        soar.search({}, ScriptedModel(script), run=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_request_sizes_keep_what_is_finished() -> None:
    def sizes(finished: dict[str, int], budget: int) -> list[int]:
        return list(request_sizes(finished, 0, "sample", None, budget, 32))

    assert sizes({}, 80) == [32, 32, 16]
    assert sizes({"0/sample/-/2": 16}, 100) == [32, 32, 16, 20]
    assert sizes({}, 0) == []
    assert [island_budget(10, 4, island) for island in range(4)] == [3, 3, 2, 2]


def test_the_defaults_are_documented() -> None:
    documentation = SearchConfig.__doc__ or ""
    assert all(f"        {name}: " in documentation for name in SearchConfig.model_fields)


def test_stopping_an_engine_whose_loop_is_already_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the end of its loop and its own a thread is alive, and its loop refuses every call."""
    closed, go_on = threading.Event(), threading.Event()
    close = asyncio.SelectorEventLoop.close

    def slow_close(loop: asyncio.SelectorEventLoop) -> None:
        close(loop)
        closed.set()
        go_on.wait(10)

    monkeypatch.setattr(asyncio.SelectorEventLoop, "close", slow_close)
    thread = _EngineThread(asyncio.sleep(0))
    thread.start()
    assert closed.wait(10) and thread.is_alive()
    threading.Timer(0.1, go_on.set).start()
    thread.stop()
    assert not thread.is_alive()
    thread.result()


def test_replies_are_drawn_as_the_config_says_else_as_the_prompt_set_wants() -> None:
    mini, usual = load_prompt_set("mini"), load_prompt_set("soar")
    assert sampling(SearchConfig.of({}), mini) == Sampling(temperature=1.3, min_p=0.05, max_tokens=96)
    assert sampling(SearchConfig.of({}), usual) == Sampling(temperature=1.0, min_p=0.05, max_tokens=2048)
    told = SearchConfig.of({"temperature": 0, "min_p": 0.1, "max_tokens": 7})
    assert sampling(told, mini) == sampling(told, usual) == Sampling(temperature=0, min_p=0.1, max_tokens=7)


def test_the_temperature_reaches_the_model() -> None:
    class Watched(ScriptedModel):
        seen: set[float]

        async def complete(self, prompt: Prompt, n: int, sampling: Sampling, seed: int) -> Reply:
            self.seen.add(sampling.temperature)
            return await super().complete(prompt, n, sampling, seed)

    for options, temperature in (({}, 1.0), ({"temperature": 0.5}, 0.5)):
        model = Watched(script)
        model.seen = set()
        soar.search(TASKS["task0"], model, **SMALL, **options)
        assert model.seen == {temperature}
