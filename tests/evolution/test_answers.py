"""Which answers count as right, from the program to the results: grids in other numbers, tolerances, rules."""

from __future__ import annotations

import dataclasses
import json
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from typer.testing import CliRunner

import soar
from soar.cli.main import app
from soar.evaluation import Evaluation, evaluate
from soar.evolution.config import ConfigError
from soar.evolution.few_shot import solved_tasks
from soar.evolution.results import load_run
from soar.evolution.run_folder import RunFolder
from soar.hindsight import make_dataset
from soar.hindsight.relabel import labelled
from soar.loop.config import LoopConfig
from soar.models.scripted import ScriptedModel
from soar.tasks.files import TaskFileError
from soar.tasks.task import Example, Task
from soar.tasks.values import Value, as_grid, is_grid, matches
from tests.search_support import TASKS

MIRROR = TASKS["task0"]
SMALL = {"refinements": 0, "samples_per_request": 32, "workers": 1}
HALVES = Task("halves", (Example(4, 2), Example(10, 5), Example(3, 1.5)), (Example(8, 4), Example(1, 0.5)))
THIRDS = Task("thirds", (Example([1], [0.3333]), Example([2], [0.6667])), (Example([5], [1.6667]),))


def program(body: str) -> str:
    lines = body.replace("\n", "\n    ")
    return f"```python\nimport numpy as np\n\ndef transform(grid):\n    {lines}\n```"


def search(task: Task, *bodies: str, **options: object) -> soar.SearchResult:
    model = ScriptedModel([program(body) for body in bodies])
    return soar.search(task, model, samples=len(bodies), progress=False, **SMALL, **options)  # type: ignore[arg-type]


DRESSES = [
    "return [[c * 2 / 2 for c in row[::-1]] for row in grid]",
    "return [[np.float64(c) for c in row[::-1]] for row in grid]",
    "return list(np.array(grid, float)[:, ::-1])",
    "return np.array(grid, object)[:, ::-1]",
    "return np.array(grid, object)[:, ::-1] * 1.0",
    "return [list(np.round(np.array(row[::-1]) + 0.2)) for row in grid]",
    "return [[np.bool_(c) if c == 1 else c for c in row[::-1]] for row in grid]",
    "return [[c == 1 or c for c in row[::-1]] for row in grid]",
    "return map(reversed, grid)",
    "return ((float(c) for c in reversed(row)) for row in grid)",
    "return np.fliplr(grid).astype(np.float16).astype(object).tolist()",
    "return [tuple(np.int8(c) for c in row[::-1]) for row in grid]",
    "return zip(*list(zip(*grid))[::-1])",
    "from collections import deque\nreturn deque(deque(row[::-1]) for row in grid)",
    "return [-(-np.float32(1) * np.array(row[::-1])) for row in grid]",
]


def test_a_grid_is_a_grid_whatever_holds_its_numbers() -> None:
    result = search(MIRROR, *DRESSES)
    failed = [one.program.source for one in result.attempts if not one.eligible and one.program]
    assert failed == [] and all(one.solves_examples for one in result.attempts)
    assert result.solved and [p.count for p in result.predictions] == [len(DRESSES)]
    assert is_grid(result.predictions[0].outputs[0])


def test_rows_of_dressed_grids_show_grids(tmp_path: Path) -> None:
    model = ScriptedModel([program(body) for body in DRESSES[:4]])
    soar.search({"task0": MIRROR}, model, samples=4, run=tmp_path / "run", progress=False, **SMALL)
    dataset, report = make_dataset(tmp_path / "run", augment=2, progress=False)
    assert report.eligible == 4 and report.variants > 0
    assert not any(".0" in message["content"] for row in dataset for message in row["prompt"])


@pytest.mark.parametrize(
    "value", [[[0.5]], [[10.0]], [[-1.0]], [[1.0], [1, 2.0]], [["1"]], [[None]], [1.0], 1.0, [], [[]]]
)
def test_what_is_no_grid_in_other_numbers_stays_what_it_is(value: Value) -> None:
    assert as_grid(value) is value


@given(st.lists(st.lists(st.sampled_from([0, 1, 2.0, True, -0.0]), min_size=2, max_size=2), min_size=1, max_size=3))
def test_a_grid_in_other_numbers_is_the_one_that_an_array_gives(value: list[list[float]]) -> None:
    assert matches(as_grid(value), np.array(value, float)) and is_grid(as_grid(value))


def test_other_tasks_keep_their_floats() -> None:
    matrix = Task(
        "matrix", (Example([[1, 3]], [[0.5, 1.5]]), Example([[2, 4]], [[1.0, 2.0]])), (Example([[6]], [[3.0]]),)
    )
    assert search(matrix, "return [[c / 2 for c in row] for row in grid]").solved


def test_numbers_of_another_type_are_wrong_until_the_task_says_numbers() -> None:
    body = "return grid / 2"
    exact, numbers = search(HALVES, body), search(dataclasses.replace(HALVES, tolerance=0), body)
    assert exact.attempts[0].train_accuracy == 1 / 3 and exact.test_correct == [False, True]
    assert numbers.attempts[0].train_accuracy == 1 and numbers.solved and numbers.task.tolerance == 0


def test_a_tolerance_counts_wherever_answers_are_compared(tmp_path: Path) -> None:
    tasks = {"thirds": THIRDS, "task0": MIRROR}
    replies = [program(f"return [round(grid[0] / 3, {n})]") for n in (5, 6, 8)] + [program("return [0.1]")]
    results = soar.search(
        tasks,
        ScriptedModel(replies, prompt_set="soar"),
        samples=4,
        run=tmp_path,
        tolerance=1e-3,
        progress=False,
        **SMALL,
    )
    result = results["thirds"]
    assert [one.train_accuracy for one in result.attempts] == [1, 1, 1, 0]
    assert [(p.outputs, p.count) for p in result.predictions] == [(([1.66667],), 3), (([0.1],), 1)]
    assert result.solved and result.oracle_correct == [True] and "solved;" in str(result)
    console = Console(record=True, width=120, file=StringIO())
    console.print(result)
    assert "✓" in console.export_text()
    assert results["task0"].task.tolerance is None  # grids stay exact
    assert load_run(tmp_path)["thirds"].solved
    row = {one.task_id: one for one in evaluate(load_run(tmp_path), embedder=None).per_task}["thirds"]
    assert (row.test_correct, row.correct, row.solving_examples) == ((True,), 3, 3)
    assert [one.task.id for one in solved_tasks(RunFolder(tmp_path), 0).examples] == ["thirds"]
    dataset, report = make_dataset(tmp_path, selection="correct-only", threshold=1.0, progress=False)
    assert report.solutions == 3 and set(dataset["test_accuracy"]) == {1.0}
    dataset, _ = make_dataset(tmp_path, selection="correct-only", threshold=1.0, test_time=True, progress=False)
    assert len(dataset) == 3  # all of the group may be drawn
    relabelled = labelled(result.task, [*result.attempts[0].train, *result.attempts[0].test])
    assert relabelled.tolerance == 1e-3


def test_a_run_goes_on_with_the_tolerance_it_began_with(tmp_path: Path) -> None:
    model = ScriptedModel([program("return [grid[0] / 3]")])
    soar.search({"thirds": THIRDS}, model, samples=2, run=tmp_path, tolerance=1e-3, progress=False, **SMALL)
    with pytest.raises(ConfigError, match=r"tolerance of task thirds was 0\.001 and is now None"):
        soar.search({"thirds": THIRDS}, model, samples=2, run=tmp_path, progress=False, **SMALL)
    zero = dataclasses.replace(THIRDS, tolerance=0)
    assert THIRDS.content_hash != zero.content_hash == dataclasses.replace(THIRDS, tolerance=0.0).content_hash


def test_the_prompt_says_what_counts() -> None:
    prompts = soar.prompts.prompt_set.load_prompt_set("values")
    exact, near = (prompts.render(dataclasses.replace(THIRDS, tolerance=one)).text for one in (None, 0.01))
    assert "1, 1.0, true" in exact and "difference of 0.01" in near and "1, 1.0, true" not in near


@pytest.mark.parametrize(
    ("a", "b", "tolerance", "same"),
    [
        (2, 2.0, 0, True),
        (2, 2.5, 0.2, True),
        (0, 0.2, 0.2, True),
        (0, 0.3, 0.2, False),
        ([1, {"a": 2.0}], [1.0, {"a": 2}], 0, True),
        (True, 1, 1, False),
        ("1", 1, 1, False),
        (None, 0, 1, False),
        (10**400, 1.5, 1e9, False),
        (10**400, 10**400, 0, True),
        (1e308, -1e308, 0.5, False),
        ([1], [1, 1], 1, False),
    ],
)
def test_numbers_within_a_tolerance(a: Value, b: Value, tolerance: float, same: bool) -> None:
    assert matches(a, b, tolerance) is matches(b, a, tolerance) is same


def test_a_task_file_says_numbers(tmp_path: Path) -> None:
    file = tmp_path / "tasks.jsonl"
    file.write_text(
        "\n".join(
            json.dumps({"id": one.id, **one.to_json()}) for one in (HALVES, dataclasses.replace(THIRDS, tolerance=0.01))
        )
    )
    tasks = soar.load_tasks(file)
    assert [task.tolerance for task in tasks.values()] == [None, 0.01] and "tolerance 0.01" in repr(tasks["thirds"])
    for wrong in (-1, "0", True):
        file.write_text(json.dumps({"id": "a", **HALVES.to_json(), "tolerance": wrong}))
        with pytest.raises(TaskFileError, match="task 'a', tolerance"):
            soar.load_tasks(file)


def test_the_command_takes_a_tolerance(tmp_path: Path) -> None:
    file = tmp_path / "tasks.jsonl"
    file.write_text(json.dumps({"id": "halves", **HALVES.to_json()}))
    found = CliRunner().invoke(app, ["search", str(file), "--tolerance", "-1"])
    assert found.exit_code != 0 and "tolerance" in str(found.exception)
    found = CliRunner().invoke(
        app, ["iterate", "--tolerance", "-1", "--tasks", str(file), "--run", str(tmp_path / "run")]
    )
    assert found.exit_code != 0 and "tolerance" in str(found.exception)
    assert LoopConfig.of({"tolerance": 0.1}).search()["tolerance"] == 0.1


BLANK = Task("blank", (Example([[1, 2]], [[0, 0]]), Example([[3]], [[0]])), (Example([[4]], [[0]]),))


def test_right_programs_of_a_blank_task_vote() -> None:
    result = search(BLANK, "return [[0 for _ in row] for row in grid]")
    assert result.solved and result.set_aside == ()


def test_where_rules_leave_no_answer_the_result_says_what_it_predicts(tmp_path: Path) -> None:
    task = Task("wide", tuple(Example([[i]], [[i] * 10]) for i in (1, 2)), (Example([[3]], [[3] * 10]),))
    model = ScriptedModel([program("return {1: [[1] * 10], 2: [[2] * 10]}.get(grid[0][0], [[3,3,3,3,3,3,3,3,3,3]])")])
    results = soar.search({"wide": task}, model, samples=2, run=tmp_path / "run", progress=False, **SMALL)
    result = results["wide"]
    assert result.solved and result.set_aside == ("hard-coded",) and result.stats.eligible == 0
    assert "predicted by those set aside (hard-coded)" in result.summary()
    assert result.to_json()["predictions"][0]["rules"] == ("hard-coded",)
    assert "Answered only by attempts that a rule set aside: 1 tasks" in str(results) and results.summary.set_aside == 1
    evaluation = evaluate(results, embedder=None)
    assert "1 answered only by attempts that rules set aside" in str(evaluation)
    again = Evaluation.from_json(json.loads(json.dumps(evaluation.to_json())))
    assert again.per_task == evaluation.per_task and again.per_task[0].set_aside == ("hard-coded",)
    shown = CliRunner().invoke(app, ["show", str(tmp_path / "run"), "--task", "wide"])
    assert "predicted by those set aside" in " ".join(shown.output.split())
    dataset, report = make_dataset(tmp_path / "run", progress=False)
    assert len(dataset) == 0 and report.broken_rules == {"hard-coded": 2}  # hindsight learns by the same rules
