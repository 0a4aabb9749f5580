from __future__ import annotations

from collections import Counter

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from soar.archive.records import input_hash
from soar.hindsight.scan import BINS, Candidate, Refinement, bin_of
from soar.hindsight.selection import (
    SELECT,
    by_vote,
    correct_by_vote,
    diverse_refinements,
    fewest,
    uniform_refinements,
)
from soar.programs.voting import Prediction

ACCURACIES = st.sampled_from([0.0, 0.2, 1 / 3, 0.34, 0.5, 0.97, 0.98, 1.0])


def candidate(number: int, accuracy: float, length: int = 5, answer: int = 0) -> Candidate:
    source = f"{number:05}" + "x" * length
    return Candidate(
        place=(0, number), source=source, program_hash=source, train_accuracy=accuracy,
        test_accuracy=accuracy, accuracy=accuracy, outputs=b"", answer=input_hash([[[answer]]]),
    )  # fmt: skip


@st.composite
def ranked(draw: st.DrawFn) -> list[Candidate]:
    """Programs best first."""
    drawn = draw(st.lists(st.tuples(ACCURACIES, st.integers(0, 9), st.integers(0, 5)), max_size=30))
    return sorted((candidate(i, *values) for i, values in enumerate(drawn)), key=lambda one: one.rank)


def steps(accuracies: list[float]) -> list[Refinement]:
    return [Refinement(candidate(i, 1.0), (candidate(-i, one),), (0, i)) for i, one in enumerate(accuracies)]


@given(ranked(), st.sampled_from(sorted(SELECT)), st.integers(1, 20), st.integers(0, 9))
def test_a_selection_is_a_part_of_what_there_is(ranked: list[Candidate], name: str, n: int, seed: int) -> None:
    chosen = SELECT[name](ranked, n, np.random.default_rng(seed))
    supply = [one for one in ranked if one.solves] if name == "correct-only" else ranked
    assert len(chosen) == min(n, len(supply)) and len(set(chosen)) == len(chosen) and set(chosen) <= set(supply)
    if name == "greedy":
        assert chosen == ranked[:n]
    if name == "correct-only":
        assert chosen == supply[:n]
    if name == "uniform":  # of programs that do the same the shorter come first
        for one in chosen:
            better = [other for other in ranked if other.outputs == one.outputs and other.rank < one.rank]
            assert set(better) <= set(chosen)
    if name == "greedy-diverse" and len(ranked) >= n:
        half = n - n // 2
        assert chosen[:half] == ranked[:half]
        left_out = [one.train_accuracy for one in ranked[half:] if one not in chosen]
        assert max([one.train_accuracy for one in chosen[half:]], default=0.0) <= min(left_out, default=1.0)


def test_of_equals_the_shorter_comes_first() -> None:
    some = [candidate(i, 0.0, length) for i, length in enumerate((7, 3, 5, 1))]
    assert [one.place[1] for one in fewest(some, 3)] == [3, 1, 2]
    assert [one.place[1] for one in sorted(some, key=lambda one: one.rank)] == [3, 1, 2, 0]


@given(st.lists(ACCURACIES, max_size=60), st.integers(1, 30), st.integers(0, 9))
def test_bins_are_as_even_as_their_supply_allows(accuracies: list[float], n: int, seed: int) -> None:
    some = steps(accuracies)
    supply = Counter(one.bin for one in some)
    chosen = diverse_refinements(some, n, np.random.default_rng(seed))
    counts = Counter(one.bin for one in chosen)
    assert len(chosen) == min(n, len(some)) and len({one.place for one in chosen}) == len(chosen)
    most = max(counts.values(), default=0)
    assert all(counts[name] >= most - 1 or counts[name] == supply[name] for name in BINS)
    assert len(uniform_refinements(some, n, np.random.default_rng(seed))) == len(chosen)


def test_bins_have_the_bounds_of_the_paper() -> None:
    found = [bin_of(accuracy) for accuracy in (0.0, 0.01, 0.34, 0.341, 0.979, 0.98, 1.0)]
    assert found == ["0%", "(0, 34%]", "(0, 34%]", "(34%, 98%)", "(34%, 98%)", ">=98%", ">=98%"]


def test_of_two_parents_the_better_counts() -> None:
    assert Refinement(candidate(0, 1.0), (candidate(1, 0.0), candidate(2, 0.5)), (0, 0)).bin == "(34%, 98%)"


@given(ranked(), st.lists(st.integers(0, 5), unique=True, max_size=4), st.integers(1, 20), st.integers(0, 9))
def test_the_vote_gives_the_first_half(ranked: list[Candidate], answers: list[int], n: int, seed: int) -> None:
    predictions = [Prediction(([[answer]],), 1000.0 / (1 + rank), 1) for rank, answer in enumerate(answers)]
    chosen = by_vote(ranked, predictions, n, 1000, np.random.default_rng(seed))
    voted = [one for one in ranked if one.answer in {input_hash([[[answer]]]) for answer in answers}]
    half = min(n - n // 2, len(voted))
    assert len(chosen) == min(n, len(ranked)) and len(set(chosen)) == len(chosen)
    assert set(chosen[:half]) <= set(voted)
    assert chosen[half:] == fewest([one for one in ranked if one not in chosen[:half]], n - half)
    right = correct_by_vote(ranked, predictions, n, 1000, np.random.default_rng(seed))
    supply = {one for one in voted if one.train_accuracy == 1.0}
    assert len(right) == len(set(right)) == min(n, len(supply)) and set(right) <= supply


def test_groups_get_shares_by_weight_and_programs_by_accuracy() -> None:
    ranked = [candidate(i, 1.0 if i < 10 else 0.2, answer=i % 2) for i in range(200)]
    predictions = [Prediction(([[0]],), 900.0, 1), Prediction(([[1]],), 100.0, 1)]
    draws = [by_vote(ranked, predictions, 8, 1000, np.random.default_rng(seed))[:4] for seed in range(300)]
    heavy = np.mean([one.answer == ranked[0].answer for drawn in draws for one in drawn])
    assert 0.87 < heavy < 0.93
    first = np.mean([drawn[0].train_accuracy == 1.0 for drawn in draws])
    assert 0.15 < first < 0.28  # 5 of 100 in a group, each five times as likely: 5 * 1001 / (5 * 1001 + 95 * 201)
