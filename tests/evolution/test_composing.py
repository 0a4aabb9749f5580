"""Composition: a second step after a program that goes part of the way."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import soar
from soar.evolution.composing import Compose, residual
from soar.evolution.rex import PoolMember
from soar.models.base import Prompt
from soar.programs.program import Attempt
from soar.sandbox.outcome import Outcome
from tests.search_support import attempt

GRIDS = ([[1, 2], [3, 4]], [[5, 0], [6, 7]], [[8, 8], [9, 1]])
TURNED_AND_SHIFTED = soar.Task(
    "two-step",
    tuple(soar.Example(grid, [[9 - cell for cell in row] for row in grid[::-1]]) for grid in GRIDS[:2]),
    (soar.Example(GRIDS[2], [[9 - cell for cell in row] for row in GRIDS[2][::-1]]),),
)
FLIP = "def transform(grid):\n    return grid[::-1]\n"
INVERT = "def transform(grid):\n    return [[9 - cell for cell in row] for row in grid]\n"


def one_step_at_a_time(prompt: Prompt, place: int, rng: random.Random) -> str:
    """Knows both steps, and never both together: flips the task's own grids, and inverts what is flipped."""
    shown = prompt.text
    return FLIP if "1 2\n3 4" in shown else INVERT


def test_two_steps_are_found_that_were_never_written_together() -> None:
    options = {"samples": 4, "refinements": 8, "islands": 1, "workers": 1}
    model: Callable[[], Any] = lambda: soar.ScriptedModel(one_step_at_a_time)  # noqa: E731
    assert soar.search(TURNED_AND_SHIFTED, model(), **options).solved is False
    found = soar.search(TURNED_AND_SHIFTED, model(), operators="compose", **options)
    assert found.solved and found.best is not None and found.best.operator == "compose"
    assert [one.operator for one in found.line] == ["sample", "compose"]
    assert found.best.program is not None and "grid = grid[::-1]" in found.best.program.source


def member(key: str, near: float, behaviour: str, *solved: bool) -> PoolMember:
    return PoolMember(key, sum(solved) / len(solved), solved, near, behaviour.encode())


def test_parents_are_the_nearest_or_the_most_frequent_and_take_turns() -> None:
    pool = [member("near", 0.9, "a", False), *(member(f"often{i}", 0.1, "b", False) for i in range(8)),
            member("right", 1.0, "c", True), member("rare", 0.2, "d", False)]  # fmt: skip
    operator, drawn = Compose(), []
    for seed in range(3):
        (parent,) = operator.parents(pool, np.random.default_rng(seed))
        operator.on_request([parent.key], 4)
        drawn.append(parent.key)
    assert sorted(drawn) == ["near", "often0", "rare"]
    fresh = [Compose().parents(pool, np.random.default_rng(seed))[0].key for seed in range(400)]
    assert fresh.count("near") > 150 and fresh.count("often0") > 3 * fresh.count("rare")
    assert Compose().parents([member("right", 1.0, "c", True)], np.random.default_rng(0)) == ()


def did(*outputs: Any) -> Attempt:
    train = tuple(Outcome("ok", value) for value in outputs)
    return attempt("a", 0.0, test=(GRIDS[2][::-1],), train=train)


@pytest.mark.parametrize(
    "outputs",
    [(GRIDS[0], GRIDS[1]), ([[0]], [[0]]), (GRIDS[0], 3)],
    ids=["the inputs", "one thing for two answers", "no grid"],
)
def test_what_leaves_nothing_to_do_is_not_shown(outputs: Any) -> None:
    assert residual(TURNED_AND_SHIFTED, did(*outputs)) is None


def test_the_residual_begins_where_the_program_ends() -> None:
    rest = residual(TURNED_AND_SHIFTED, did(GRIDS[0][::-1], GRIDS[1][::-1]))
    assert rest is not None
    assert [example.input for example in rest.train] == [GRIDS[0][::-1], GRIDS[1][::-1]]
    assert [example.output for example in rest.train] == [example.output for example in TURNED_AND_SHIFTED.train]


def test_with_several_operators_every_request_is_made(mini: Any) -> None:
    options = {"samples": 8, "refinements": 16, "workers": 1, "operators": ("refine", "compose")}
    result = soar.search("25ff71a9", mini, **options)
    assert len(result.attempts) == 24
