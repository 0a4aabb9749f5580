"""Programs one change away, and programs with one step more."""

from __future__ import annotations

import ast
import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import soar.grids
from soar.programs.neighbours import one_edit, one_step_more, steps
from soar.tasks.gym.grammar import HEADER

TURNED = HEADER + "    x = recolor(grid, 1, 2)\n    return flip_h(x)\n"
PLAIN = "def transform(text):\n    return text[1:3] * 2\n"


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_neighbours_differ_in_one_number_one_function_or_lack_something() -> None:
    made = set(one_edit(TURNED, rng(), HEADER))
    assert TURNED.replace("1, 2", "1, 7") in made
    assert TURNED.replace("flip_h", "rot90") in made
    assert TURNED.replace("recolor(grid, 1, 2)", "grid") in made
    assert not any("recolor(grid, 3, 7)" in one for one in made)
    assert all(one.startswith(HEADER) and one != TURNED for one in made)


def test_numbers_of_any_program_change_by_one_or_to_a_digit() -> None:
    made = set(one_edit(PLAIN, rng()))
    assert PLAIN.replace("* 2", "* 9") in made and PLAIN.replace("1:3", "0:3") in made
    assert PLAIN.replace("3", "41") in set(one_edit(PLAIN.replace("3", "40"), rng()))


@settings(max_examples=30, deadline=None)
@given(st.sampled_from([TURNED, PLAIN]), st.integers(0, 2**32))
def test_the_generator_decides_the_order_and_nothing_else(source: str, seed: int) -> None:
    made = list(one_edit(source, rng(seed)))
    assert made == list(one_edit(source, rng(seed)))
    assert sorted(made) == sorted(one_edit(source, rng(1)))
    for one in made:
        ast.parse(one)


@pytest.mark.parametrize("source", ["no program", "", "def transform(grid):", "def other(x):\n    return x\n", "\0"])
def test_what_is_no_program_has_no_program_of_more_steps(source: str) -> None:
    assert list(one_step_more(source, [0, 1], rng())) == []
    assert all(isinstance(one, str) for one in one_edit(source, rng()))


def test_a_step_more_does_what_it_says_after_the_program() -> None:
    grid = [[1, 0, 3], [4, 1, 6]]
    wanted = soar.grids.rot90(soar.grids.flip_h(soar.grids.recolor(grid, 1, 2))).tolist()
    longer = list(one_step_more(TURNED, [0, 1, 2], rng()))
    assert all(one.startswith(HEADER) for one in longer)
    (turned,) = [one for one in longer if "rot90(" in one]
    scope: dict[str, object] = {}
    exec(turned, scope)
    assert np.asarray(scope["transform"](grid)).tolist() == wanted  # type: ignore[operator]


def test_steps_are_calls_that_can_be_made_and_functions_take_turns() -> None:
    calls = steps([1, 2])
    every = list(itertools.chain.from_iterable(calls))
    assert "recolor(grid, 1, 2)" in every and "flip_h(grid)" in every
    assert len(calls) > 100 and len(set(every)) == len(every)
    scope = {**vars(soar.grids), "grid": np.array([[1, 2, 0], [0, 2, 1], [2, 2, 2]])}
    for call in every:
        try:
            assert np.ndim(eval(call, scope)) == 2
        except (ValueError, IndexError):  # what functions raise where they make no sense on a grid
            continue
    first = list(itertools.islice(one_step_more(TURNED, [1, 2], rng()), len(calls)))
    assert len({one.rpartition("return ")[2].partition("(")[0] for one in first}) == len(calls)
