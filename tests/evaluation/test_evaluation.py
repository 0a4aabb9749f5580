from __future__ import annotations

import json
import random
from collections import Counter
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import soar
from soar.evaluation import Evaluation, EvaluationError, compare, differences, evaluate, pass_at_k, summarize
from soar.evaluation.rows import budgets, mean_distance
from soar.models.base import Prompt
from soar.models.mini import MiniModel
from soar.models.scripted import ScriptedModel
from soar.programs.program import Attempt
from soar.programs.voting import vote
from soar.tasks.values import matches
from tests.search_support import TASKS, script

SMALL = {"samples": 20, "refinements": 16, "samples_per_request": 8, "islands": 2, "workers": 1}


def rough(prompt: Prompt, place: int, rng: random.Random) -> str:
    """As `script`, but every fifth program raises."""
    return "```python\ndef transform(grid):\n    return 1 / 0\n```" if place % 5 == 4 else script(prompt, place, rng)


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> soar.SearchResults:
    return soar.search(TASKS, ScriptedModel(rough), run=tmp_path_factory.mktemp("runs") / "a", **SMALL)


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> soar.SearchResults:
    return soar.search(TASKS, ScriptedModel(rough), run=tmp_path_factory.mktemp("runs") / "b", seed=5, **SMALL)


@pytest.fixture(scope="module")
def evaluation(results: soar.SearchResults) -> Evaluation:
    return evaluate(results)


def value(evaluation: Evaluation, name: str) -> float:
    found = evaluation.summary[name]
    assert found is not None
    return found.value


def by_hand(result: soar.SearchResult) -> list[Attempt]:
    """Sampling in order, then the refinements of all islands step by step."""

    def place(attempt: Attempt) -> tuple[bool, int, int, int]:
        _, _, _, step, position = attempt.key.split("/")
        return attempt.phase == "refine", int(step), attempt.island or 0, int(position)

    return sorted(result.attempts, key=place)


def right(attempt: Attempt, task: soar.Task) -> bool:
    return attempt.program is not None and all(
        one.status == "ok" and matches(one.value, example.output)
        for one, example in zip(attempt.test, task.test, strict=True)
    )


def test_figures_agree_with_the_results_own_summary(results: soar.SearchResults, evaluation: Evaluation) -> None:
    summary = results.summary
    for name in ("mean_solved", "outputs_solved", "oracle", "gap"):
        assert value(evaluation, name) == pytest.approx(getattr(summary, name))
    assert value(evaluation, "tasks_solved") == pytest.approx(summary.tasks_solved / 3)
    assert value(evaluation, "parse_failures") == pytest.approx(summary.parse_failures / summary.completions)
    assert value(evaluation, "errors") == pytest.approx(summary.failures["error"] / summary.completions)
    assert value(evaluation, "unique_outputs") == pytest.approx(summary.unique_outputs / 3)
    assert value(evaluation, "tokens_per_solved") == pytest.approx(summary.tokens / summary.tasks_solved)
    assert evaluation.summary["cost_per_solved"] is None
    assert 0 < value(evaluation, "parse_failures") < 0.4 and summary.tasks_solved > 0


def test_rows_are_what_their_attempts_say(results: soar.SearchResults, evaluation: Evaluation) -> None:
    for row, result in zip(evaluation.per_task, results.values(), strict=True):
        attempts = by_hand(result)
        correct = [right(attempt, result.task) for attempt in attempts]
        sampled = [attempt.phase == "sample" for attempt in attempts]
        programs = [attempt.program.source for attempt in attempts if attempt.program]
        assert (row.completions, row.correct) == (36, sum(correct)) and row.samples == sum(sampled) == 20
        assert row.correct_samples == sum(a and b for a, b in zip(correct, sampled, strict=True))
        assert row.programs == len(set(programs)) and row.parse_failures == 36 - len(programs)
        assert row.test_correct == tuple(result.test_correct) and row.oracle_correct == tuple(result.oracle_correct)
        assert row.pixel_accuracy == 1.0 if row.solved else 0.0 <= (row.pixel_accuracy or 0) <= 1.0
    rates = [pass_at_k(36, row.correct or 0, 4) for row in evaluation.per_task]
    assert value(evaluation, "pass@4") == pytest.approx(np.mean(rates))
    assert evaluation.pass_at(36) is not None and evaluation.pass_at(500) == evaluation.pass_at(36)


@pytest.mark.parametrize("weight", ["sum", "majority"])
def test_the_curve_is_the_vote_over_every_prefix(results: soar.SearchResults, weight: str) -> None:
    evaluation = evaluate(results, embedder=None, weight=weight)  # type: ignore[arg-type]
    for row, result in zip(evaluation.per_task, results.values(), strict=True):
        attempts = by_hand(result)
        assert row.curve is not None and [point[0] for point in row.curve] == budgets(36)
        for budget, share, reached in row.curve:
            found = vote(attempts[:budget], weight=weight)  # type: ignore[arg-type]
            outputs = [[p.outputs[i] for p in found] for i in range(len(result.task.test))]
            hits = [any(one == e.output for one in seen) for seen, e in zip(outputs, result.task.test, strict=True)]
            assert share == np.mean(hits)
            assert reached == float(any(right(attempt, result.task) for attempt in attempts[:budget]))
    last = evaluation.curve[-1]
    assert last.budget == 36 and last.vote == evaluation.summary["mean_solved"]
    assert last.oracle == evaluation.summary["oracle"]


def test_budgets_grow_by_doubling_and_end_where_the_completions_do() -> None:
    assert budgets(0) == [] and budgets(1) == [1]
    assert budgets(20) == [1, 2, 3, 4, 6, 8, 12, 16, 20]
    assert budgets(128)[-3:] == [64, 96, 128] and len(budgets(6000)) < 30


@given(
    st.lists(st.tuples(st.integers(0, 5), st.integers(1, 4)), min_size=1, max_size=6, unique_by=lambda pair: pair[0])
)
def test_distance_is_the_mean_over_all_pairs(counts: list[tuple[int, int]]) -> None:
    vectors = np.random.default_rng(0).normal(size=(6, 4))
    sources = Counter({str(place): count for place, count in counts})
    found = mean_distance(sources, lambda texts: vectors[[int(text) for text in texts]])
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    pairs = [1 - unit[int(a)] @ unit[int(b)] for a, b in combinations(list(sources.elements()), 2)]
    assert found == (pytest.approx(np.mean(pairs), abs=1e-9) if pairs else None)


def test_json_holds_everything(evaluation: Evaluation) -> None:
    data = json.loads(json.dumps(evaluation.to_json()))
    again = Evaluation.from_json(data)
    assert again == evaluation and json.loads(json.dumps(again.to_json())) == data
    assert data["summary"]["mean_solved"]["value"] == value(evaluation, "mean_solved")


def test_a_run_with_mini_is_evaluated_and_shows_itself(mini: MiniModel, tmp_path: Path) -> None:
    tasks = soar.load_tasks("arc-agi-1/training").select(["0520fde7", "a699fb00"])
    evaluation = evaluate(soar.search(tasks, mini, run=tmp_path / "run", samples=8, refinements=4))
    assert sum(row.solved is True for row in evaluation.per_task) >= 1
    assert (evaluation.label, evaluation.model) == ("run@0", "mini")
    assert "pass@k" in str(evaluation) and "<table>" in evaluation._repr_html_()
    assert 0 < value(evaluation, "distance_solved") < 1


def test_unknown_answers_leave_only_what_needs_none(tmp_path: Path) -> None:
    hidden = [task.without_test_outputs() for task in TASKS.values()]
    evaluation = evaluate(soar.search(hidden, ScriptedModel(script), run=tmp_path / "run", **SMALL))
    known = {name for name, found in evaluation.summary.items() if found is not None}
    assert {"errors", "duplicates", "unique_outputs", "examples_solved"} <= known
    assert not known & {"mean_solved", "oracle", "pass@1", "tokens_per_solved", "pixel_accuracy", "distance_solved"}
    assert evaluation.curve == [] and "not graded" in str(evaluation)
    with pytest.raises(EvaluationError, match="no task with known answers"):
        compare(evaluation, evaluation)


def test_comparison_lists_what_is_gained_and_lost(evaluation: Evaluation, other: soar.SearchResults) -> None:
    second = evaluate(other)
    found, back = compare(evaluation, second), compare(second, evaluation)
    solved = [{row.task_id for row in one.per_task if row.solved} for one in (evaluation, second)]
    assert set(found.gained) == solved[1] - solved[0] and set(found.lost) == solved[0] - solved[1]
    assert set(found.both) == solved[0] & solved[1] and (back.gained, back.lost) == (found.lost, found.gained)
    for name, difference in found.differences.items():
        if difference is not None:
            assert difference.value == pytest.approx(value(second, name) - value(evaluation, name))
            assert back.differences[name].value == pytest.approx(-difference.value)  # type: ignore[union-attr]
    alone = compare(evaluation, evaluation)
    assert alone.p == 1.0 and alone.differences["mean_solved"].high == 0.0  # type: ignore[union-attr]
    assert "gained" in str(found) and "<table>" in found._repr_html_() and json.dumps(found.to_json())


def test_seeds_are_summarized_and_compared_together(evaluation: Evaluation, other: soar.SearchResults) -> None:
    second = evaluate(other)
    both = summarize([evaluation, second], ["mean_solved", "pass@3"], ks=[3])
    assert both["mean_solved"].value == pytest.approx(  # type: ignore[union-attr]
        (value(evaluation, "mean_solved") + value(second, "mean_solved")) / 2
    )
    found = differences([evaluation, second], [second, evaluation])
    assert found["mean_solved"].value == pytest.approx(0)  # type: ignore[union-attr]
    fewer = Evaluation.from_json(second.to_json() | {"per_task": second.to_json()["per_task"][:2]})
    with pytest.raises(EvaluationError, match="differ in 1 tasks"):
        summarize([evaluation, fewer])
    with pytest.raises(EvaluationError, match="cannot be paired"):
        differences([evaluation], [evaluation, second])
    assert compare(evaluation, fewer).left_out == 1
