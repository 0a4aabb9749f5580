"""Advantages and targets of single tokens: the laws they keep."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st

from soar.core.seeding import keyed_rng
from soar.training.advantage import HELD, advantages, confidences, state_value, targets
from soar.training.token_steps import place_loss

HALF = [0.5, 0.5]


@st.composite
def places(draw: st.DrawFn) -> tuple[list[float], list[int]]:
    """Probabilities of up to nine actions, with some mass left for others, and a sign for each."""
    weights = draw(st.lists(st.floats(1e-4, 1), min_size=1, max_size=9))
    covered = draw(st.floats(0.01, 1.0))
    signs = draw(st.lists(st.sampled_from([-1, 0, 1]), min_size=len(weights), max_size=len(weights)))
    return [covered * one / sum(weights) for one in weights], signs


def signs_of(probabilities: list[float], solved: list[int], rollouts: int) -> list[int]:
    chances = confidences(probabilities, solved, rollouts, keyed_rng("test", rollouts))
    return [int(one) for one in advantages(chances)]


def test_a_small_difference_is_no_advantage_and_a_large_one_is() -> None:
    assert signs_of(HALF, [4, 5], 8) == [0, 0]
    assert signs_of(HALF, [0, 16], 16) == [-1, 1]
    assert signs_of([0.9, 0.1], [0, 16], 16) == [-1, 1]
    assert signs_of([0.4, 0.3, 0.3], [16, 16, 16], 16) == [0, 0, 0] == signs_of([0.4, 0.3, 0.3], [0, 0, 0], 16)
    assert signs_of([1.0], [16], 16) == [0] == signs_of([1.0], [0], 16)  # nothing to compare with


@given(st.lists(st.integers(0, 16), min_size=2, max_size=6))
def test_more_right_rollouts_never_make_an_action_worse(solved: list[int]) -> None:
    even = [1 / len(solved)] * len(solved)
    chances = confidences(even, solved, 16, keyed_rng("monotone"))
    order = np.argsort(solved, kind="stable")
    assert (np.diff(chances[order]) >= -0.05).all()  # equal counts differ by what 4,000 draws leave open


@given(places())
def test_targets_sum_to_one_and_go_where_the_advantage_points(place: tuple[list[float], list[int]]) -> None:
    mass, signs = np.array(place[0]), np.array(place[1])
    assume(not (signs < 0).all() or mass.sum() < 0.99)  # someone must take what is given up
    found = targets(mass, signs)
    rest = 1 - found.sum()
    assert (found >= 0).all() and rest >= -1e-9
    assert (found[signs > 0] >= mass[signs > 0] - 1e-9).all() and (found[signs < 0] <= mass[signs < 0] + 1e-12).all()
    neutral = 1 - mass[signs != 0].sum()
    assert found[signs == 0].sum() + rest == pytest.approx(1 - found[signs != 0].sum(), abs=1e-9)
    if (signs > 0).any():
        assert found[signs == 0].sum() + rest >= HELD * neutral - 1e-9
    if not signs.any():
        assert found == pytest.approx(mass)


def test_log_probabilities_are_halved_and_doubled_where_there_is_room() -> None:
    found = targets([0.04, 0.3, 0.1], [1, -1, 0])
    assert found[:2] == pytest.approx([0.2, 0.09]) and found[2] == pytest.approx(0.1 * (1 - 0.2 - 0.09) / 0.66)
    tight = targets([0.81, 0.01], [1, 1])  # 0.9 + 0.1 would leave nothing of the neutral 0.18
    assert tight.sum() == pytest.approx(0.91) and (tight > [0.81, 0.01]).all()


@given(places(), st.integers(1, 16), st.data())
def test_the_value_is_the_share_that_is_right(
    place: tuple[list[float], list[int]], n: int, data: st.DataObject
) -> None:
    mass = place[0]
    solved = data.draw(st.lists(st.integers(0, n), min_size=len(mass), max_size=len(mass)))
    value, covered = state_value(mass, solved, n)
    assert min(solved) / n - 1e-9 <= value <= max(solved) / n + 1e-9 and covered == pytest.approx(sum(mass))


@given(places(), st.integers(0, 2**31))
def test_the_loss_is_nothing_at_the_target_alone(place: tuple[list[float], list[int]], seed: int) -> None:
    mass = np.array(place[0])
    rest = max(1 - mass.sum(), 1e-6)
    logits = torch.log(torch.tensor([*mass, rest / 2, rest / 2]))
    tokens = list(range(len(mass)))
    there = place_loss(logits, tokens, (mass / (mass.sum() + rest)).tolist())
    assert float(there) == pytest.approx(0, abs=1e-5)
    elsewhere = logits + torch.randn(len(logits), generator=torch.Generator().manual_seed(seed))
    assert float(place_loss(elsewhere, tokens, mass.tolist())) >= -1e-5
