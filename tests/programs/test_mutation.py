"""Changes that need no model: Python stays Python, what must stay stays, and the generator decides everything."""

from __future__ import annotations

import ast

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from soar.programs.blocks import BlockError, blocks, outside
from soar.programs.mutation import CHANGES, LONGEST, Code, Edit, applied, crossed, mutated

SOURCE = '''import math

LIMIT = 10  # stays


# EVOLVE-BLOCK-START
def f(x, flag=True):
    """Ein Satz: ä."""
    y = 1.5 * x + 2  # ünïcode before the call: é
    if x > 3:
        y = math.sin(y)
    for i in range(3):
        y += i
    return max(y, -0.5) if flag else f"{x + 1} {y}"


# EVOLVE-BLOCK-END
def g(x):
    return f(x) + LIMIT
'''
OTHER = "def f(x, flag=False):\n    return abs(x - 7.25) * min(x, 2)\n"


@given(st.integers(0, 2**32))
@settings(max_examples=150, deadline=None)
def test_a_mutant_is_python_and_changes_only_what_may_change(seed: int) -> None:
    made = mutated(SOURCE, np.random.default_rng(seed))
    assert made is not None and made != SOURCE
    ast.parse(made)
    assert outside(made) == outside(SOURCE) and '"""Ein Satz: ä."""' in made
    assert made == mutated(SOURCE, np.random.default_rng(seed))


@given(st.integers(0, 2**32))
@settings(max_examples=80, deadline=None)
def test_a_crossing_takes_an_expression_of_the_other(seed: int) -> None:
    made = crossed(SOURCE, OTHER, np.random.default_rng(seed))
    assert made is not None and outside(made) == outside(SOURCE)
    donor = Code.of(OTHER)
    assert donor is not None
    assert any(f"({ast.unparse(one)})" in made for one in donor.expressions())
    assert made == crossed(SOURCE, OTHER, np.random.default_rng(seed))


def test_every_change_happens_and_what_is_known_is_not_made_again() -> None:
    code = Code.of(SOURCE)
    assert code is not None
    for change in CHANGES:
        edits = [change(code, np.random.default_rng(seed)) for seed in range(30)]
        made = {applied(code, edit) for edit in edits if edit is not None} - {None, SOURCE}
        assert len(made) > 1, change.__name__
    source, seen = "def f():\n    return True\n", set[str]()
    for seed in range(60):
        made_now = mutated(source, np.random.default_rng(seed), seen)
        assert made_now is None or made_now not in seen
        seen.add(made_now or "")


def test_what_is_no_python_or_holds_nothing_to_change_gives_none() -> None:
    rng = np.random.default_rng(0)
    assert mutated("def f(:", rng) is None and mutated("", rng) is None and crossed("", OTHER, rng) is None
    assert mutated("import math\n", rng) is None and crossed(OTHER, "import math\n", rng) is None
    assert mutated("# EVOLVE-BLOCK-START\n# EVOLVE-BLOCK-END\nx = 1\n", rng) is None
    code = Code.of("def f():\n    return 1\n")
    assert code is not None
    (place,) = code.expressions()
    assert applied(code, Edit(place, "1 +")) is None and applied(code, Edit(place, "1" * LONGEST)) is None


def test_deep_programs_break_nothing() -> None:
    for depth in (10, 100, 400, 900, 5000):
        for text in (" + ".join("x" * depth), "-" * depth + "x", "[" * depth + "]" * depth):
            source, rng = f"def f(x):\n    return {text}\n", np.random.default_rng(depth)
            for made in (mutated(source, rng), crossed(source, OTHER, rng), crossed(OTHER, source, rng)):
                assert made is None or made != source


def test_programs_do_not_grow_without_end() -> None:
    source, rng = OTHER, np.random.default_rng(1)
    for _ in range(60):
        source = crossed(mutated(source, rng) or source, source, rng) or source
    assert len(source) <= LONGEST


def test_blocks_are_the_lines_between_marks() -> None:
    assert blocks("a\nb") == [(1, 2)] and blocks(SOURCE) == [(7, 16)]
    for broken in ("# EVOLVE-BLOCK-START\n", "# EVOLVE-BLOCK-END\n", "# EVOLVE-BLOCK-START\n# EVOLVE-BLOCK-START\n"):
        with pytest.raises(BlockError, match="EVOLVE-BLOCK"):
            blocks(broken)
