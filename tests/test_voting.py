from __future__ import annotations

import json
from collections import defaultdict
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from soar.program import Attempt
from soar.voting import Prediction, Weighting, vote
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
    """The definition read word by word: group, weigh, sort."""
    groups: dict[str, list[Attempt]] = defaultdict(list)
    for one in attempts:
        if not one.broken_rules and all(outcome.status == "ok" for outcome in one.test):
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


def test_nothing_to_vote_on_gives_no_prediction() -> None:
    assert vote([]) == []
    assert vote([attempt("a", 1.0, ())]) == []
