"""Composed programs do one thing after the other."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from soar.programs.compose import ComposeError, composed

STRAIGHT = [
    "def transform(grid):\n    return grid[::-1]\n",
    "import numpy as np\n\ndef transform(grid):\n    grid = np.array(grid)\n"
    "    x = grid + 1\n    return x.T.tolist()\n",
    "from copy import deepcopy\n\ndef transform(grid):\n    x = deepcopy(grid)\n    x.append(x[0])\n    return x\n",
]
OTHERS = [
    "N = 2\n\ndef help(row):\n    return row * N\n\ndef transform(grid):\n    return [help(row) for row in grid]\n",
    "N = 3\n\ndef help(row):\n    return row[:N]\n\n"
    "def transform(grid):\n    if len(grid) > N:\n        return [help(row) for row in grid]\n    return grid\n",
    "count = 0\n\nclass Turn:\n    def of(self, x):\n        global count\n        count += 1\n"
    "        return x[::-1]\n\n"
    "def transform(data):\n    return Turn().of(data)\n",
    "def transform(grid, extra=1):\n    return [[cell + extra for cell in row] for row in grid]\n",
]
PROGRAMS = STRAIGHT + OTHERS
grids = st.lists(st.lists(st.integers(0, 9), min_size=3, max_size=3), min_size=3, max_size=3)


def run(source: str, value: Any) -> Any:
    scope: dict[str, Any] = {}
    exec(source, scope)
    return scope["transform"](value)


@given(st.sampled_from(PROGRAMS), st.sampled_from(PROGRAMS), grids)
def test_it_gives_what_the_second_gives_of_what_the_first_gives(first: str, second: str, grid: Any) -> None:
    expected = run(second, run(first, [row[:] for row in grid]))
    assert run(composed(first, second), [row[:] for row in grid]) == expected


@given(st.sampled_from(PROGRAMS), st.sampled_from(PROGRAMS), st.sampled_from(PROGRAMS), grids)
def test_it_can_be_composed_again(a: str, b: str, c: str, grid: Any) -> None:
    expected = run(c, run(b, run(a, [row[:] for row in grid])))
    assert run(composed(composed(a, b), c), [row[:] for row in grid]) == expected


def test_straight_programs_become_one_function_to_read() -> None:
    assert composed(STRAIGHT[0], STRAIGHT[1]) == (
        "import numpy as np\n\ndef transform(grid):\n    grid = grid[::-1]\n    grid = np.array(grid)\n"
        "    x = grid + 1\n    return x.T.tolist()\n"
    )
    assert composed(STRAIGHT[1], STRAIGHT[1]).count("import numpy") == 1


@pytest.mark.parametrize(
    "source", ["def transform(grid) return", "x = 1", "def other(grid): return grid", "def transform(): pass"]
)
def test_what_is_no_program_is_refused(source: str) -> None:
    with pytest.raises(ComposeError):
        composed(source, STRAIGHT[0])
