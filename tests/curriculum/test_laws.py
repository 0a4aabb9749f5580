"""What holds of every teacher, whatever it is told."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from soar.curriculum import Allocator, CurriculumError, Stages, plan_step
from soar.curriculum.base import BaseTeacher
from soar.curriculum.steps import evenly
from tests.curriculum.support import NAMES, drawn, make

REWARDS = st.lists(st.sampled_from([0.0, 0.25, 1.0]), min_size=1, max_size=8)
HISTORY = st.lists(REWARDS, max_size=30)


def taught(teacher: BaseTeacher, history: list[list[float]], seed: int) -> BaseTeacher:
    """The teacher after a history of visits to what it drew."""
    rng = np.random.default_rng(seed)
    for rewards in history:
        teacher.update(teacher.sample(rng), rewards)
    return teacher


@pytest.mark.parametrize("name", NAMES)
@given(history=HISTORY, seed=st.integers(0, 99))
@settings(deadline=None, max_examples=25)
def test_a_state_that_went_through_json_gives_the_same_draws(name: str, history: list[list[float]], seed: int) -> None:
    teacher = taught(make(name), history, seed)
    again = make(name)
    again.load_state_dict(json.loads(json.dumps(teacher.state_dict())))
    assert again.state_dict() == teacher.state_dict() and again.metrics() == teacher.metrics()
    assert drawn(again, 20) == drawn(teacher, 20)
    assert taught(again, history, seed).state_dict() == taught(teacher, history, seed).state_dict()
    if isinstance(teacher, Allocator) and isinstance(again, Allocator):
        assert again.allocate(again.tasks, 60) == teacher.allocate(teacher.tasks, 60)


@pytest.mark.parametrize("name", NAMES)
def test_a_state_is_a_copy(name: str) -> None:
    teacher = taught(make(name), [[1.0, 0.0]] * 5, 0)
    before = teacher.state_dict()
    text = json.dumps(before)
    taught(teacher, [[0.0, 1.0, 1.0]] * 60, 1)
    assert json.dumps(before) == text and teacher.state_dict() != before


@pytest.mark.parametrize("name", NAMES)
@given(history=HISTORY, seed=st.integers(0, 99))
@settings(deadline=None, max_examples=25)
def test_draws_are_tasks_and_figures_are_numbers(name: str, history: list[list[float]], seed: int) -> None:
    teacher = taught(make(name), history, seed)
    assert set(drawn(teacher, 20, seed)) <= set(teacher.tasks)
    assert all(isinstance(value, float) and np.isfinite(value) for value in teacher.metrics().values())
    assert teacher.metrics()["visits"] == len(history)


@pytest.mark.parametrize("name", [name for name in NAMES if not make(name).starves])
@pytest.mark.parametrize("reward", [0.0, 0.5, 1.0])
def test_no_task_is_starved_unless_the_teacher_says_so(name: str, reward: float) -> None:
    # half of the tasks give a reward that makes the teacher look elsewhere, then everything is asked for once more
    teacher = make(name)
    shunned = set(teacher.tasks[::2])
    for _ in range(20):
        for task in teacher.tasks:
            teacher.update(task, [reward] * 4 if task in shunned else [0.0, 1.0, 0.0, 1.0])
    rng, seen = np.random.default_rng(0), set()
    for _ in range(2000):  # what it goes on to draw must not keep it away from the rest either
        if seen == set(teacher.tasks):
            return
        seen.add(task := teacher.sample(rng))
        teacher.update(task, [reward] * 4 if task in shunned else [0.0, 1.0, 0.0, 1.0])
    raise AssertionError(f"never drawn: {set(teacher.tasks) - seen}")


def test_teachers_that_starve_say_why() -> None:
    saying = {name for name in NAMES if make(name).starves}
    assert saying == {"record-notes", "rps", "eps", "adarft", "cdas", "dsc", "prospects", "ttc"}
    for name in ("record-notes", "adarft", "dsc"):  # and they do: what is always right is not drawn again
        teacher = make(name, n=40)
        for _ in range(4):
            for task in teacher.tasks[:20]:
                teacher.update(task, [1.0] * 4)
        assert set(drawn(teacher, 500)).isdisjoint(teacher.tasks[:8]), name


@pytest.mark.parametrize("name", NAMES)
@given(history=HISTORY, seed=st.integers(0, 99), tasks=st.integers(1, 8), rollouts=st.integers(16, 2000))
@settings(deadline=None, max_examples=25)
def test_a_step_gives_out_exactly_its_rollouts(
    name: str, history: list[list[float]], seed: int, tasks: int, rollouts: int
) -> None:
    teacher = taught(make(name), history, seed)
    plan = plan_step(teacher, np.random.default_rng(seed), tasks=tasks, rollouts=rollouts)
    assert sum(plan.values()) == rollouts and min(plan.values()) > 0
    assert set(plan) <= set(teacher.tasks) and len(plan) <= tasks


@given(tasks=st.lists(st.sampled_from("abcdef"), min_size=1, max_size=9), total=st.integers(0, 100))
def test_even_parts_differ_by_one_at_most(tasks: list[str], total: int) -> None:
    if total < len(tasks):
        with pytest.raises(CurriculumError, match="at least one task"):
            evenly(tasks, total)
        return
    parts = evenly(tasks, total)
    assert sum(parts.values()) == total
    each = {task: count / tasks.count(task) for task, count in parts.items()}
    assert max(each.values()) - min(each.values()) <= 1


def test_rps_and_eps_differ_in_the_rate_of_the_second_stage_alone() -> None:
    rps, eps = make("rps", visits=6), make("eps", visits=6)
    assert isinstance(rps, Stages) and isinstance(eps, Stages)
    assert [stage.tasks for stage in rps.stages] == [stage.tasks for stage in eps.stages]
    assert [stage.rate for stage in rps.stages] == [1.0, 0.1] and [stage.rate for stage in eps.stages] == [1.0, 1.0]
    first, rng = list(rps.stages[0].tasks), np.random.default_rng(0)
    order = []
    for visit in range(18):
        assert rps.rate == (1.0 if visit < 6 else 0.1)
        order.append(rps.sample(rng))
        rps.update(order[-1], [0.0])
    assert sorted(order[:6]) == sorted(first)  # none twice before all were drawn
    assert set(order[6:]) == set(rps.stages[1].tasks) and sorted(order[6:12]) == sorted(order[12:])
