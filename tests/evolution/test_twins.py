"""Tasks of equal content under several ids: one search, a result for each."""

from __future__ import annotations

import itertools
import json
import os
import random
import signal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import soar
from soar.archive.export import attempt_rows
from soar.archive.records import Evaluator
from soar.evaluation import compare, evaluate, vote_runs
from soar.evolution.few_shot import solved_tasks
from soar.evolution.merging import merge_runs
from soar.evolution.results import load_run
from soar.evolution.run_folder import RunFolder
from soar.evolution.slices import shuffled
from soar.evolution.stopping import Programs, Seconds
from soar.hindsight.scan import best_known
from soar.models.base import Prompt
from soar.models.scripted import ScriptedModel
from soar.tasks.task import Example, Task
from tests.search_support import TASKS, content, make_task, script

SMALL = {"samples": 24, "refinements": 16, "samples_per_request": 8, "workers": 1}
EACH = 40  # completions of a task


def twin(task: Task, id: str, output: object = None) -> Task:
    """The task under another id; with `output`, its test output is another one."""
    test = task.test if output is None else (Example(task.test[0].input, output),)  # type: ignore[arg-type]
    return Task(id, task.train, test)


ONE = TASKS["task0"]
TWINS = [ONE, twin(ONE, "same"), TASKS["task1"]]


@settings(max_examples=12, deadline=None)
@given(
    places=st.lists(st.integers(0, 2), min_size=1, max_size=6),
    budget=st.sampled_from(["fixed", "adaptive"]),
    concurrency=st.integers(1, 8),
)
@pytest.mark.slow
def test_a_search_ends_however_many_tasks_are_equal(places: list[int], budget: str, concurrency: int) -> None:
    tasks = [twin(TASKS[f"task{place}"], f"{place}/{i}") for i, place in enumerate(places)]
    *_, last = soar.search_iter(tasks, ScriptedModel(script), budget=budget, concurrency=concurrency, **SMALL)
    assert last.results is not None and last.results.stopped is None
    assert last.tasks_done == last.tasks_total == len(tasks)
    assert last.completions == last.budget == last.results.summary.completions == EACH * len(set(places))
    assert all(result.stats.completions == EACH for result in last.results.values())


def test_two_of_arc_are_equal_and_end() -> None:
    pair = [soar.find_task("arc-agi-1/training:40853293"), soar.find_task("arc-agi-1/evaluation:070dd51e")]
    assert pair[0].content_hash == pair[1].content_hash
    results = soar.search(pair, ScriptedModel(script), samples=4, refinements=4)
    assert list(results) == ["40853293", "070dd51e"] and results.summary.completions == 8


def test_both_are_in_results_and_what_they_share_is_counted_once(tmp_path: Path) -> None:
    results = soar.search(TWINS, ScriptedModel(script, token_price=1e-6), run=tmp_path, **SMALL)
    alone = soar.search([ONE, TASKS["task1"]], ScriptedModel(script, token_price=1e-6), **SMALL).summary
    both, again = results.summary, load_run(tmp_path)
    assert results.twins == again.twins == {"same": "task0"}
    assert (both.tasks, both.searched, both.graded) == (3, 3, 3)
    for name in ("completions", "programs", "parse_failures", "unique_outputs", "tokens", "prompt_tokens", "failures"):
        assert getattr(both, name) == getattr(alone, name)
    assert both.cost == pytest.approx(alone.cost)
    assert both.tasks_solved == alone.tasks_solved + 1 and both.examples_solved == alone.examples_solved + 1
    assert again.to_json() == results.to_json()
    assert results["same"].predictions == results["task0"].predictions
    assert {attempt.task_id for attempt in results["same"].attempts} == {"same"}
    for drawn in (str(results), results._repr_html_()):
        assert "same: solved" in drawn or "<td>same" in drawn
        assert "counted once: same as task0" in drawn
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert lines[0] == {"task": "task0", "twins": ["same"]}


def test_an_export_has_their_completions_once_and_names_both(tmp_path: Path) -> None:
    results = soar.search(TWINS, ScriptedModel(script), run=tmp_path, **SMALL)
    with soar.Archive(tmp_path) as archive:
        rows = list(attempt_rows(archive, (Evaluator(result.task) for result in results.values())))
    assert len(rows) == len({(row["task_hash"], row["key"]) for row in rows}) == 2 * EACH
    assert {(row["task_id"], *row["twins"]) for row in rows} == {("task0", "same"), ("task1",)}
    assert set(results.to_dataset()["task_id"]) == {"task0", "task1"}


def test_each_is_graded_by_its_own_answers() -> None:
    results = soar.search([ONE, twin(ONE, "other", [[0]])], ScriptedModel(script), **SMALL)
    assert results["task0"].solved is True and results["other"].solved is False
    assert results.summary.tasks_solved == 1 and results.summary.mean_solved == 0.5
    evaluation = evaluate(results, embedder=None)
    solved = evaluation.summary["tasks_solved"]
    assert [row.task_id for row in evaluation.per_task] == ["task0", "other"] and solved is not None
    assert solved.value == 0.5


def test_an_evaluation_counts_what_they_share_once(tmp_path: Path) -> None:
    together = evaluate(soar.search(TWINS, ScriptedModel(script), run=tmp_path / "together", **SMALL), embedder=None)
    apart = evaluate(soar.search([ONE, TASKS["task1"]], ScriptedModel(script), **SMALL), embedder=None)
    for name in ("parse_failures", "duplicates", "errors"):
        assert together.summary[name].value == apart.summary[name].value  # type: ignore[union-attr]
    tokens = [one.summary["tokens_per_solved"].value for one in (together, apart)]  # type: ignore[union-attr]
    assert tokens[0] == pytest.approx(tokens[1] * 2 / 3)  # the same tokens, and three tasks solved by them
    assert together.from_json(json.loads(json.dumps(together.to_json()))).summary == together.summary
    compared = compare(together, together)
    assert compared.both == ("task0", "same", "task1") and compared.left_out == 0
    compared = compare(apart, together)
    assert compared.both == ("task0", "task1") and compared.left_out == 1


def test_a_vote_counts_their_attempts_once(tmp_path: Path) -> None:
    first = soar.search([*TWINS, twin(ONE, "third", [[0]])], ScriptedModel(script), run=tmp_path / "a", **SMALL)
    second = soar.search([twin(ONE, "same")], ScriptedModel(script), run=tmp_path / "b", seed=1, **SMALL)
    alone = vote_runs([first], embedder=None)
    assert {id: alone.predictions[id] for id in first} == {id: result.predictions for id, result in first.items()}
    joint = vote_runs([second, first], embedder=None)
    rows = {row.task_id: row for row in joint.evaluation.per_task}
    assert set(rows) == {"task0", "same", "third", "task1"}
    assert rows["task0"].completions == rows["same"].completions == 2 * EACH
    assert sum(row.twin for row in rows.values()) == 2
    assert rows["same"].solved is True and rows["third"].solved is False
    completions = joint.evaluation.summary["completions"]
    assert completions is not None and completions.value == (2 + 1) * EACH / 4


@pytest.mark.parametrize("order", [("task0", "same"), ("same", "task0")])
def test_one_after_the_other_in_the_same_run(tmp_path: Path, order: tuple[str, str]) -> None:
    tasks = {task.id: task for task in TWINS}
    for id in order:
        model = ScriptedModel(script)
        *_, last = soar.search_iter(tasks[id], model, run=tmp_path, **SMALL)
        assert last.completions == EACH and last.tasks_done == 1
        assert bool(model.requests) == (id == order[0])  # the second only reads what the first has found
    both = load_run(tmp_path)
    assert set(both) == set(order) and both.summary.completions == EACH
    assert soar.search(TWINS, ScriptedModel(script), run=tmp_path, **SMALL).summary.completions == 2 * EACH


def test_both_are_skipped_and_both_are_named() -> None:
    wide = Task("wide", ONE.train * 20, ONE.test)
    tasks = [wide, twin(wide, "wider"), TASKS["task1"]]
    model = ScriptedModel(script, context_length=1000)
    *_, last = soar.search_iter(tasks, model, max_tokens=100, **SMALL)
    assert last.results is not None and set(last.results.skipped) == {"wide", "wider"}
    assert last.tasks_done == last.tasks_total == 1
    *_, last = soar.search_iter(tasks, model, max_tokens=100, drop_examples=True, **SMALL)
    assert last.dropped["wide"] == last.dropped["wider"] > 0 and last.tasks_done == last.tasks_total == 3


def test_an_equal_task_is_shown_and_learnt_from_once(tmp_path: Path) -> None:
    soar.search([twin(ONE, "wrong", [[0]]), *TWINS], ScriptedModel(script), run=tmp_path, **SMALL)
    shown = solved_tasks(RunFolder(tmp_path), 0)
    assert sorted(example.task.id for example in shown.examples) == ["task0", "task1"]
    assert shown.suited(TWINS[1]) == tuple(one for one in shown.examples if one.task.id == "task1")
    blind = ONE.without_test_outputs()
    assert best_known([blind, twin(ONE, "same")]) == {ONE.content_hash: twin(ONE, "same")}
    assert [task.id for task in shuffled({"b": twin(ONE, "b"), "a": twin(ONE, "a")}).values()] == ["a", "b"]


def other_script(prompt: Prompt, place: int, rng: random.Random) -> str:
    rng.random()
    return script(prompt, place, rng)


def test_a_merge_keeps_one_search_of_two(tmp_path: Path) -> None:
    """Machines that were given a twin each have asked twice; where the answers differ, those of one are kept."""
    for id, model in (("task0", ScriptedModel(script)), ("same", ScriptedModel(other_script))):
        tasks = [task for task in TWINS if task.id == id] + [make_task(f"own {id}", 7 if id == "same" else 8)]
        soar.search(tasks, model, run=tmp_path / id, **SMALL)
    merge_runs(tmp_path / "all", [tmp_path / "task0", tmp_path / "same"])
    merged = load_run(tmp_path / "all")
    assert set(merged) == {"task0", "own task0", "same", "own same"}
    assert merged.summary.completions == 3 * EACH
    first = load_run(tmp_path / "task0")["task0"]
    assert merged["same"].predictions == merged["task0"].predictions == first.predictions
    before = content(tmp_path / "all")
    merge_runs(tmp_path / "all", [tmp_path / "same", tmp_path / "task0"])
    assert content(tmp_path / "all") == before


def test_equal_answers_of_twins_merge_to_the_longer_search(tmp_path: Path) -> None:
    soar.search(TWINS[0], ScriptedModel(script), run=tmp_path / "a", **SMALL)
    soar.search(TWINS[1], ScriptedModel(script), run=tmp_path / "b", **(SMALL | {"refinements": 24}))
    merge_runs(tmp_path / "all", [tmp_path / "a", tmp_path / "b"])
    assert load_run(tmp_path / "all")["task0"].stats.completions == 48


def test_a_stopper_ends_a_search_of_twins(tmp_path: Path) -> None:
    for stop in (Seconds(0.3), Programs(3)):
        model = ScriptedModel(script, latency=0.1, max_concurrency=1)
        results = soar.search([*TWINS, twin(ONE, "third")], model, budget="adaptive", stop=stop, **SMALL)
        assert results.stopped is not None and results.summary.completions < 2 * EACH


def test_ctrl_c_ends_a_search_of_twins(tmp_path: Path) -> None:
    replies = itertools.count()

    def press(prompt: Prompt, place: int, rng: random.Random) -> str:
        if next(replies) == 20:
            os.kill(os.getpid(), signal.SIGINT)
        return script(prompt, place, rng)

    model = ScriptedModel(press, latency=0.1, max_concurrency=1)
    results = soar.search(TWINS, model, run=tmp_path, **SMALL)
    assert results.stopped == "Ctrl-C" and 0 < results.summary.completions < 2 * EACH
