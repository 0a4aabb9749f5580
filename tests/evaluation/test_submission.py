"""Kaggle's submission file: every task, two attempts for each test input; and its score."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import soar
from soar.cli.main import app
from soar.evaluation.submission import NO_ANSWER, SubmissionError, unanswered
from soar.models.scripted import ScriptedModel
from soar.tasks.task import Example, Task
from tests.search_support import TASKS, make_task, script

RIGHT = {"attempt_1": [[1]], "attempt_2": [[2]]}
TWO = Task("two", (Example([[1]], [[1]]),), (Example([[3]], [[1]]), Example([[4]], [[7]])))


def test_every_task_has_two_attempts_for_each_test_input(two_rounds: Path) -> None:
    made = soar.submission(two_rounds)
    assert list(made) == list(TASKS)
    results = soar.load_run(two_rounds)
    for id, pairs in made.items():
        assert len(pairs) == len(TASKS[id].test)
        for i, pair in enumerate(pairs):
            answers = [one.outputs[i] for one in results[id].predictions]
            assert [pair["attempt_1"], pair["attempt_2"]] == (2 * answers)[:2] if len(answers) == 1 else answers
    assert soar.score_submission(made, TASKS).score == results.summary.outputs_solved


def test_a_task_without_an_answer_fills_its_place(tmp_path: Path) -> None:
    results = soar.search([TASKS["task0"], TWO], ScriptedModel(["no program"]), run=tmp_path, samples=2, refinements=0)
    made = soar.submission(results)
    assert made["two"] == 2 * [{"attempt_1": NO_ANSWER, "attempt_2": NO_ANSWER}] and unanswered(made) == 2


def test_several_runs_vote_once_and_keep_their_own_names(tmp_path: Path) -> None:
    again = make_task("again", 0)
    assert again.content_hash == TASKS["task0"].content_hash
    options: dict[str, Any] = {"samples": 8, "refinements": 0, "workers": 1}
    runs = [
        soar.search(tasks, ScriptedModel(script), run=tmp_path / name, **options)
        for name, tasks in (("a", [TASKS["task0"], TASKS["task1"]]), ("b", [again, TASKS["task2"]]))
    ]
    made = soar.submission(runs)
    assert set(made) == {"task0", "task1", "again", "task2"} and made["again"] == made["task0"]


def test_only_grids_are_submitted(tmp_path: Path) -> None:
    words = Task("words", (Example("a", "b"),), (Example("c", "d"),))
    results = soar.search([words], ScriptedModel(["no program"]), run=tmp_path, samples=2, refinements=0)
    with pytest.raises(SubmissionError, match="'words': a submission holds grids only"):
        soar.submission(results)


def test_the_score_counts_test_inputs_tasks_and_what_is_missing() -> None:
    tasks = {"two": TWO, "one": Task("one", TWO.train, TWO.test[:1]), "gone": Task("gone", TWO.train, TWO.test[:1])}
    found = soar.score_submission({"two": [RIGHT, RIGHT], "one": [RIGHT], "other": 3}, tasks)
    assert (found.right, found.outputs, found.score) == (2, 4, 0.5)
    assert (found.tasks_solved, found.tasks, found.mean_solved) == (1, 3, 0.5)
    assert (found.missing, found.strangers) == (("gone",), ("other",))
    assert "score 50.00%: 2 of 4" in str(found) and "1 tasks not in the file: gone" in str(found)


@pytest.mark.parametrize(("pairs", "said"), [
    (None, "NoneType, no list"), ({}, "dict, no list"), ([], "0 of them"), ([RIGHT] * 3, "3 of them"),
    ([RIGHT, {"attempt_1": [[1]]}], "test input 2: attempt_1 and attempt_2 are due, not attempt_1"),
    ([RIGHT, []], "test input 2: .* not list"), ([RIGHT, {}], "not nothing"),
    ([RIGHT, RIGHT | {"attempt_3": [[1]]}], "not attempt_1, attempt_2, attempt_3"),
    ([{"attempt_1": [[1]], "attempt_2": [[10]]}, RIGHT], "test input 1, attempt_2: no grid"),
    ([{"attempt_1": [[1], [1, 2]], "attempt_2": [[1]]}, RIGHT], "attempt_1: no grid"),
    ([{"attempt_1": "1", "attempt_2": [[1]]}, RIGHT], "attempt_1: no grid"),
])  # fmt: skip
def test_what_has_not_the_form_is_named(pairs: object, said: str) -> None:
    with pytest.raises(SubmissionError, match=f"'two'.*{said}"):
        soar.score_submission({"two": pairs}, {"two": TWO})


@pytest.mark.parametrize(("content", "said"), [
    ("", "not valid JSON"), ("[]", "an object of tasks by id, not list"), ('{"a": NaN}', "NaN"), ("3", "not int"),
])  # fmt: skip
def test_a_file_that_is_no_submission_is_refused(tmp_path: Path, content: str, said: str) -> None:
    file = tmp_path / "submission.json"
    file.write_text(content)
    with pytest.raises(SubmissionError, match=said):
        soar.score_submission(file, {"two": TWO})
    with pytest.raises(SubmissionError, match="cannot be read"):
        soar.score_submission(tmp_path / "none.json", {"two": TWO})


def test_answers_must_be_known() -> None:
    with pytest.raises(SubmissionError, match="'two', test input 1: the answer is unknown"):
        soar.score_submission({"two": [RIGHT, RIGHT]}, {"two": TWO.without_test_outputs()})
    with pytest.raises(SubmissionError, match="no task"):
        soar.score_submission({}, {})


def test_the_commands_write_and_score_a_file(two_rounds: Path, tmp_path: Path) -> None:
    file, tasks = tmp_path / "submission.json", tmp_path / "tasks.json"
    tasks.write_text(json.dumps({id: task.to_json() for id, task in TASKS.items()}))
    done = CliRunner().invoke(app, ["submit", f"{two_rounds}@0", f"{two_rounds}@1", "--output", str(file)])
    assert done.exit_code == 0 and "3 tasks in" in done.stdout
    assert list(json.loads(file.read_text())) == list(TASKS)
    done = CliRunner().invoke(app, ["score", str(file), str(tasks)])
    assert done.exit_code == 0 and "of 3 test inputs right" in done.stdout
    done = CliRunner().invoke(app, ["score", str(file), str(tasks), "--json"])
    assert json.loads(done.stdout)["outputs"] == 3


def test_tables_for_pandas(two_rounds: Path) -> None:
    results = soar.load_run(two_rounds)
    table = results.to_pandas()
    assert list(table["task"]) == list(TASKS) and list(table["solved"]) == [one.solved for one in results.values()]
    attempts = results["task0"].attempts
    rows = attempts.to_pandas()
    assert list(rows["key"]) == [one.key for one in attempts] and "source" in rows
    assert list(attempts[:2].to_pandas()["key"]) == [one.key for one in attempts[:2]]
    assert list(soar.evaluate(results).to_pandas()["task_id"]) == list(TASKS)
