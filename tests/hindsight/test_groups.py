"""Groups: replies as they were drawn, rewards from the examples alone."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import soar
from soar.hindsight import DatasetError, make_groups
from soar.hindsight.dataset import open_sources
from soar.hindsight.groups import smooth
from soar.models.mini import MiniModel
from soar.programs.program import Attempt, Program
from soar.sandbox.outcome import Outcome
from soar.tasks.sets import TaskSet
from soar.tasks.task import Example, Task

OPTIONS: dict[str, Any] = {"samples": 16, "refinements": 0, "early_stop": 100, "keep_tokens": True, "min_p": 0.0}


@pytest.fixture(scope="module")
def tasks() -> TaskSet:
    return soar.load_tasks("gym/domain-1/train")[:3]


@pytest.fixture(scope="module")
def run(mini: MiniModel, tasks: TaskSet, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("groups") / "run"
    soar.search(tasks, mini, run=folder, **OPTIONS)
    return folder


def test_replies_are_those_that_were_drawn_with_what_they_earned(run: Path, tasks: TaskSet) -> None:
    groups = make_groups(run)
    assert groups["task_id"] == list(tasks) and groups.to_list() == make_groups(run).to_list()
    with ExitStack() as stack:
        (source,) = open_sources(run, None, stack)
        for row in groups:
            attempts = list(source.archive.attempts(source.evaluator(tasks[row["task_id"]])))
            drawn = [(list(one.token_ids or ()), float(one.solves_examples)) for one in attempts]
            assert list(zip(row["replies"], row["rewards"], strict=True)) == drawn and len(drawn) == 16
            assert row["temperature"] == 1.3 and row["adapter"] is None
    assert len(make_groups(run, per_task=5)[0]["replies"]) == 5
    shares = make_groups(run, reward="examples")
    for one, other in zip(groups, shares, strict=True):
        assert all(b >= a for a, b in zip(one["rewards"], other["rewards"], strict=True))


def test_no_test_output_is_read(run: Path) -> None:
    seen: list[Task] = []

    def look(task: Task, attempt: Attempt) -> float:
        seen.append(task)
        return 0.0

    make_groups(run, reward=look)
    assert len(seen) == 48 and all(example.output is None for task in seen for example in task.test)


def test_what_would_teach_wrongly_is_refused(mini: MiniModel, tasks: TaskSet, run: Path, tmp_path: Path) -> None:
    for name, changes, message in (
        ("filtered", {"min_p": 0.05}, "search with min_p=0"),
        ("greedy", {"temperature": 0.0}, "give a temperature"),
        ("textual", {"keep_tokens": False}, "search with keep_tokens"),
    ):
        soar.search(tasks[:1], mini, run=tmp_path / name, **OPTIONS | {"samples": 2} | changes)
        with pytest.raises(DatasetError, match=message):
            make_groups(tmp_path / name)
    for wrong in (float("nan"), "1", True, None):
        with pytest.raises(DatasetError, match=r"the reward <lambda> gave .* a number is needed"):
            make_groups(run, reward=lambda task, attempt, wrong=wrong: wrong)
    with pytest.raises(DatasetError, match="reward is one of solved, examples, smooth"):
        make_groups(run, reward="best")  # type: ignore[arg-type]


@given(st.lists(st.lists(st.integers(0, 3), min_size=3, max_size=3), min_size=2, max_size=4), st.integers(0, 11))
def test_the_smooth_reward_rises_with_right_cells(grid: list[list[int]], place: int) -> None:
    task = Task("t", (Example([[0]], grid),), (Example([[0]]),))

    def reward(value: Any, status: Any = "ok") -> float:
        attempt = Attempt(
            "0/sample/0/0/0",
            "t",
            "h",
            0,
            "sample",
            None,
            (),
            "m",
            None,
            Program("x"),
            (Outcome(status, value),),
            (),
            0.0,
        )
        return smooth(task, attempt)

    near = [list(row) for row in grid]
    near[place % len(grid)][place % 3] += 4
    further = [list(row) for row in near]
    further[(place + 1) % len(grid)][(place + 1) % 3] += 4
    assert pytest.approx(reward(grid)) == 1.2 and reward(grid) > reward(near) > reward(further) >= 0.2
    assert reward(grid[1:]) == pytest.approx(0.1) == reward(None, "error") == reward(5)
