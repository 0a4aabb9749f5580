from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import pytest

import soar
from soar.evaluation import EvaluationError, evaluate, vote_runs
from soar.evolution.results import load_run
from soar.models.scripted import ScriptedModel
from soar.programs.voting import vote
from soar.tasks.task import Task
from tests.search_support import TASKS, script

SMALL = {"samples": 8, "refinements": 4, "islands": 1, "workers": 1}


@pytest.fixture(scope="module")
def runs(two_rounds: Path, tmp_path_factory: pytest.TempPathFactory) -> list[soar.SearchResults]:
    """Two seeds, and the second round of the first run, by another model."""
    other = soar.search(TASKS, ScriptedModel(script), run=tmp_path_factory.mktemp("runs") / "b", seed=1, **SMALL)
    return [load_run(two_rounds, 0), other, load_run(two_rounds, 1)]


def test_one_run_is_itself(runs: list[soar.SearchResults]) -> None:
    ensemble, alone = vote_runs(runs[:1]), evaluate(runs[0])
    assert ensemble.evaluation == alone == ensemble.members[0]
    assert ensemble.predictions == {id: result.predictions for id, result in runs[0].items()}


def test_the_vote_is_over_all_attempts(runs: list[soar.SearchResults]) -> None:
    for weight in ("sum", "best"):
        ensemble = vote_runs(runs, weight=weight, embedder=None)
        for row, id in zip(ensemble.evaluation.per_task, TASKS, strict=True):
            attempts = [attempt for run in runs for attempt in run[id].attempts]
            assert ensemble.predictions[id] == vote(attempts, weight=weight)
            assert row.completions == len(attempts) == 36
            assert row.oracle_correct == (any(any(run[id].oracle_correct) for run in runs),)
            assert row.programs == len({attempt.program for attempt in attempts if attempt.program})
    assert ensemble.evaluation.model == "scripted + second"
    assert [one.label for one in ensemble.members] == ["a@0", "b@0", "a@1"]


def test_the_order_of_the_runs_does_not_matter(runs: list[soar.SearchResults]) -> None:
    there, back = vote_runs(runs), vote_runs(runs[::-1])
    assert there.evaluation == back.evaluation and there.predictions == back.predictions
    assert there.members == back.members[::-1]


def test_evaluations_at_hand_are_not_made_again(runs: list[soar.SearchResults]) -> None:
    made = vote_runs(runs)
    assert vote_runs(runs, members=made.members) == made


def test_tasks_are_matched_by_their_content(runs: list[soar.SearchResults], tmp_path: Path) -> None:
    renamed = [Task(f"my {id}", task.train, task.test) for id, task in TASKS.items() if id != "task2"]
    hidden = [task.without_test_outputs() for task in renamed]
    other = soar.search(hidden, ScriptedModel(script), run=tmp_path / "c", seed=2, **SMALL)
    ensemble = vote_runs([other, runs[0]])
    rows = {row.task_id: row for row in ensemble.evaluation.per_task}
    assert {id: row.completions for id, row in rows.items()} == {"task0": 24, "task1": 24, "task2": 12}
    assert all(row.solved is not None for row in rows.values())
    assert ensemble.members[0].summary["mean_solved"] is None and "unknown" in str(ensemble)


def test_what_would_falsify_the_vote_is_refused(runs: list[soar.SearchResults], tmp_path: Path) -> None:
    with pytest.raises(EvaluationError, match=r"iteration 0 of .* is given 2 times"):
        vote_runs([runs[0], runs[1], load_run(runs[0].run, 0)])
    with pytest.raises(EvaluationError, match="no run was given"):
        vote_runs([])
    swapped = [Task("task0", TASKS["task1"].train, TASKS["task1"].test)]
    other = soar.search(swapped, ScriptedModel(script), run=tmp_path / "d", **SMALL)
    with pytest.raises(EvaluationError, match="different tasks of one id: task0"):
        vote_runs([runs[0], other])


def test_an_ensemble_shows_itself_and_is_json(runs: list[soar.SearchResults]) -> None:
    ensemble = vote_runs(runs, embedder=None)
    data = json.loads(json.dumps(ensemble.to_json()))
    assert list(data["runs"]) == ["a@0", "b@0", "a@1"] and data["vote"] == {"c": 1000, "weight": "sum"}
    assert data["predictions"]["task0"] == json.loads(json.dumps([asdict(p) for p in ensemble.predictions["task0"]]))
    assert "all 3 runs" in str(ensemble) and ensemble._repr_html_().count("<tr>") == 5
