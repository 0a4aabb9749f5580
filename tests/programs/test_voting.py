from __future__ import annotations

import json
from collections import defaultdict
from itertools import combinations
from random import Random
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from soar.programs.program import Attempt
from soar.programs.voting import Prediction, Weighting, vote
from soar.tasks.task import Example, Task
from soar.tasks.values import Value, matches
from tests.search_support import attempt

VALUES = st.sampled_from([[[0]], [[1]], [[1, 2]], [[True]], [[1.0]], "a", None])
ATTEMPTS = st.lists(
    st.builds(
        lambda key, k, n, near, outputs, broken, status: attempt(
            str(key), k / n, outputs, broken=broken, status=status, near=near / 4
        ),
        st.integers(0, 10**6),
        st.integers(0, 2),
        st.integers(2, 4),
        st.integers(0, 4),
        st.tuples(VALUES, VALUES),
        st.sampled_from([(), (), (), ("hard-coded",)]),
        st.sampled_from(["ok", "ok", "ok", "error"]),
    ),
    max_size=30,
    unique_by=lambda one: one.key,
)


def brute_force(attempts: list[Attempt], n: int, c: float, weight: str) -> list[tuple[str, float, int]]:
    """The definition read word by word: eligible ones, or else those set aside; group, weigh, sort."""
    groups: dict[str, list[Attempt]] = defaultdict(list)
    complete = [one for one in attempts if all(outcome.status == "ok" for outcome in one.test)]
    for one in [one for one in complete if not one.broken_rules] or complete:
        groups[json.dumps([outcome.value for outcome in one.test])].append(one)

    def worth(group: list[Attempt]) -> float:
        if weight == "sum":
            return sum(1 + c * one.train_accuracy for one in group)
        if weight == "majority":
            return len(group)
        if weight == "best":
            return max(one.train_accuracy for one in group)
        if weight == "closest":
            return max(one.train_accuracy + one.pixel_accuracy for one in group)
        return len(group) + c * sum(one.train_accuracy for one in group) / len(group)

    rows = [(outputs, worth(group), len(group), min(one.key for one in group)) for outputs, group in groups.items()]
    rows.sort(key=lambda row: (-round(row[1], 6), -row[2], row[3]))
    return [row[:3] for row in rows[:n]]


@given(
    ATTEMPTS,
    st.integers(1, 4),
    st.sampled_from([0.0, 1.0, 1000.0]),
    st.sampled_from(get_args(Weighting)),
)
def test_vote_is_its_definition(attempts: list[Attempt], n: int, c: float, weight: str) -> None:
    found = vote(attempts, n, c, weight)  # type: ignore[arg-type]
    expected = brute_force(attempts, n, c, weight)
    assert [(json.dumps(list(p.outputs)), p.count) for p in found] == [(row[0], row[2]) for row in expected]
    assert [p.weight for p in found] == pytest.approx([row[1] for row in expected])


@given(ATTEMPTS, st.randoms(use_true_random=False))
def test_the_order_of_the_attempts_does_not_matter(attempts: list[Attempt], rng: object) -> None:
    shuffled = list(attempts)
    rng.shuffle(shuffled)  # type: ignore[attr-defined]
    assert vote(attempts) == vote(shuffled)


def test_completions_count_and_the_examples_weigh() -> None:
    many = [attempt(f"{i}", 0.0, ([[1]],)) for i in range(1000)]
    right = [attempt("r", 1.0, ([[2]],))]
    assert vote(many + right) == [Prediction(([[2]],), 1001.0, 1), Prediction(([[1]],), 1000.0, 1000)]


def test_among_equals_the_nearest_miss_counts() -> None:
    far = [attempt(f"{i}", 0.5, ([[1]],), near=0.6) for i in range(9)]
    near = [attempt("n", 0.5, ([[2]],), near=0.9)]
    assert [p.outputs for p in vote(far + near, n=1)] == [([[1]],)]
    assert vote(far + near, n=1, weight="closest") == [Prediction(([[2]],), 1.4, 1)]


def test_where_rules_leave_no_answer_those_set_aside_vote_and_the_prediction_says_so() -> None:
    aside = [
        attempt("a", 1.0, ([[0]],), broken=("blank-output",)),
        attempt("b", 1.0, ([[0]],), broken=("long-line",)),
        attempt("c", 1.0, ([[5]],), broken=("hard-coded",)),
    ]
    failed = attempt("d", 1.0, ([[7]],), status="error")
    assert vote([*aside, failed]) == [
        Prediction(([[0]],), 2002.0, 2, ("blank-output", "long-line")),
        Prediction(([[5]],), 1001.0, 1, ("hard-coded",)),
    ]
    eligible = attempt("e", 0.0, ([[9]],))
    assert vote([*aside, eligible]) == [Prediction(([[9]],), 1.0, 1)]


def test_what_is_no_grid_answers_no_task_of_grids() -> None:
    task = Task("t", (Example([[1]], [[2]]),), (Example([[3]]),))
    broken = [attempt("a", 1.0, ("no grid",), broken=("invalid-output",))]
    raised = attempt("b", 0.0, ([[5]],), broken=("invalid-output",))
    assert vote(broken, task=task) == []
    assert [one.outputs for one in vote([*broken, raised], task=task)] == [([[5]],)]


def numbers(tolerance: float | None) -> Task:
    return Task("n", (Example(1, 2.0),), (Example(3),), tolerance)


def test_with_a_tolerance_numbers_that_are_near_are_one_answer() -> None:
    values = [2, 2.0, 2.0004, 1.9996, 5]
    attempts = [attempt(f"{i}", 1.0, (value,)) for i, value in enumerate(values)]
    assert [(p.outputs, p.count) for p in vote(attempts, n=9, task=numbers(None))] == [((v,), 1) for v in values]
    assert [(p.outputs, p.count) for p in vote(attempts, n=1, task=numbers(0))] == [((2,), 2)]
    assert [(p.outputs, p.count) for p in vote(attempts, n=9, task=numbers(1e-3))] == [((2,), 4), ((5,), 1)]


@given(
    st.lists(st.tuples(st.sampled_from([1, 1.0, 1.05, 1.1, 2, True, "1"]), st.integers(0, 2)), max_size=12),
    st.sampled_from([0.0, 0.01, 0.1]),
    st.randoms(use_true_random=False),
)
def test_groups_with_a_tolerance_do_not_depend_on_the_order_and_lose_no_vote(
    votes: list[tuple[Value, int]], tolerance: float, rng: Random
) -> None:
    attempts = [attempt(f"{i:02}", right / 2, (value,)) for i, (value, right) in enumerate(votes)]
    found = vote(attempts, n=99, task=numbers(tolerance))
    shuffled = list(attempts)
    rng.shuffle(shuffled)
    assert vote(shuffled, n=99, task=numbers(tolerance)) == found
    assert sum(p.count for p in found) == len(attempts)
    heads = [p.outputs[0] for p in found]
    assert not any(matches(a, b, tolerance) for a, b in combinations(heads, 2))


def test_nothing_to_vote_on_gives_no_prediction() -> None:
    assert vote([]) == []
    assert vote([attempt("a", 1.0, ())]) == []
