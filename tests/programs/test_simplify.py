"""Simplifying: never longer, equal outputs wherever it was checked, whatever the program does to the one who checks."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from soar.programs.program import Program
from soar.programs.reductions import reductions
from soar.programs.simplify import simplify
from soar.sandbox import Sandbox
from soar.sandbox.outcome import Limits

HEADER = "import numpy as np\nfrom soar.grids import *\n\ndef transform(grid):\n    grid = np.array(grid)\n"
GRIDS = [[[1, 2], [3, 4]], [[0, 5, 0], [5, 0, 0]]]


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(workers=2, limits=Limits(seconds=1.0)) as opened:
        yield opened


def shortest(source: str, sandbox: Sandbox, inputs: list = GRIDS, keep: str = "") -> str:
    return simplify([(Program(source), inputs)], sandbox, keep)[0].source


@pytest.mark.parametrize(
    ("body", "left"),
    [
        ("    x = recolor(grid, 7, 7)\n    return flip_h(x)\n", "    return flip_h(grid)\n"),
        (
            "    x = remove_color(grid, 9)\n    x = flip_h(x)\n    return recolor(x, 9, 8)\n",
            "    return flip_h(grid)\n",
        ),
        ("    x = rot90(grid)\n    y = rot180(grid)\n    return y\n", "    return rot180(grid)\n"),
        ("    return flip_h(flip_v(flip_v(grid)))\n", "    return flip_h(grid)\n"),
        ("    return rot90(grid) if len(grid) > 0 else grid\n", "    return rot90(grid)\n"),
        ("    return np.where(grid == 5, 6, grid)\n", "    return np.where(grid == 5, 6, grid)\n"),
    ],
)
def test_what_changes_nothing_goes(body: str, left: str, sandbox: Sandbox) -> None:
    assert shortest(HEADER + body, sandbox, keep=HEADER) == HEADER + left


def test_any_python_is_simplified_on_its_syntax_tree(sandbox: Sandbox) -> None:
    source = '''import numpy as np
import itertools
from collections import Counter

MARGIN = 0  # never used

def helper(grid):
    return [row[::-1] for row in grid]

def unused(grid):
    """Not called."""
    return grid

def transform(grid):
    """Mirror each row."""
    total = sum(map(sum, grid))
    out = []
    for row in grid:
        # every row, backwards
        if total >= 0:
            out.append(list(reversed(row)))
        else:
            out.append(row)
    result = out
    return result
'''
    left = shortest(source, sandbox)
    assert '"""Mirror each row."""' in left and "# every row, backwards" in left  # docstrings and comments are no steps
    for gone in ("import", "helper", "unused", "MARGIN", "total", "else", "result"):
        assert gone not in left
    assert ast.unparse(ast.parse(left)) == ast.unparse(
        ast.parse('def transform(grid):\n    """Mirror each row."""\n    out = []\n    for row in grid:\n'
                  "        out.append(list(reversed(row)))\n    return out\n")
    )  # fmt: skip


def test_more_inputs_keep_more(sandbox: Sandbox) -> None:
    source = HEADER + "    x = recolor(grid, 9, 8)\n    return flip_h(x)\n"
    assert "recolor" not in shortest(source, sandbox, GRIDS)
    assert shortest(source, sandbox, [*GRIDS, [[9, 1]]]).count("recolor") == 1


def test_the_beginning_that_a_prompt_wrote_stays(sandbox: Sandbox) -> None:
    source = HEADER + "    return [[1]]\n"
    assert shortest(source, sandbox, keep=HEADER) == source
    assert len(shortest(source, sandbox)) < len(source)


def test_what_fails_comes_back_as_it_is(sandbox: Sandbox) -> None:
    for source in ("def transform(grid):\n    x = 1\n    raise ValueError\n", "def transform(grid:\n", "", "x = 1\n"):
        assert shortest(source, sandbox) == source


HOSTILE = (
    """import sys
def transform(grid):
    sys._getframe(1).f_globals["reductions"] = lambda *_: ["def transform(g): return 0"]
    return grid
""",
    "def transform(grid):\n    i = 0\n    while i < 3:\n        i += 1\n    return grid\n",
    "import os\ndef transform(grid):\n    unused = 1\n    os._exit(0)\n",
    "import copy\ndef transform(grid):\n    copy.deepcopy = lambda value: [[7]]\n    x = 1\n    return grid\n",
    "import numpy as np\ndef transform(grid):\n    x = 1\n    return [[int(9 * np.random.rand())]]\n",
    "def transform(grid):\n    class E(BaseException): pass\n    try: raise E()\n    except E: return grid\n",
    "count = [0]\ndef transform(grid):\n    x = 1\n    count[0] += 1\n    return [[count[0]]]\n",
)


@pytest.mark.parametrize("hostile", HOSTILE)
def test_the_law_holds_for_hostile_programs(hostile: str, sandbox: Sandbox) -> None:
    left = shortest(hostile, sandbox)
    before, after = sandbox.run([(hostile, GRIDS), (left, GRIDS)])
    assert len(left) <= len(hostile)
    assert [(one.status, one.value) for one in after] == [(one.status, one.value) for one in before]


STEPS = st.sampled_from(
    ["flip_h({})", "flip_v({})", "rot90({})", "recolor({}, 1, 2)", "recolor({}, 3, 3)", "np.where({0} == 2, 2, {0})",
     "remove_color({}, 4)", "crop({})", "border({}, 1)", "{} * 1", "np.array({})", "overlay({0}, {0})"]
)  # fmt: skip


@settings(deadline=None, max_examples=25)
@given(st.lists(STEPS, min_size=1, max_size=4))
def test_the_law_holds_for_programs_of_any_steps(sandbox: Sandbox, steps: list[str]) -> None:
    source = HEADER + "".join(f"    grid = {step.format('grid')}\n" for step in steps) + "    return grid\n"
    left = shortest(source, sandbox, keep=HEADER)
    before, after = sandbox.run([(source, GRIDS), (left, GRIDS)])
    assert len(left) <= len(source) and left.startswith(HEADER)
    if all(one.status == "ok" for one in before):
        assert [one.value for one in after] == [one.value for one in before]
        assert shortest(left, sandbox, keep=HEADER) == left  # nothing more can go


@settings(deadline=None)
@given(st.text(), st.integers(0, 50))
def test_reductions_of_any_text_are_shorter_python(text: str, keep: int) -> None:
    for one in reductions(text, keep):
        ast.parse(one)
        assert len(one.encode()) < len(text.encode()) and one.startswith(text[: min(keep, 0)])


def test_reductions_leave_layout_alone() -> None:
    source = "def f(a,\n      b = 'ü'):  # keep\n    c = a ;  d = b\n    return (c,  d)  # é\n"
    assert source.replace("(c,  d)", "c") in reductions(source)
    assert source.replace("c = a ;  ", "").replace("(c,", "(a,") in reductions(source)
