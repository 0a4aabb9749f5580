"""Programs that do not say the same twice."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from soar.sandbox import Outcome, ProgramError, Sandbox, Value
from soar.sandbox.twice import mark
from tests.sandbox.support import LIMITS, body


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(workers=2, limits=LIMITS) as two:
        yield two


INPUTS: list[Value] = [[[1]], [[2, 2]], [[3]]]


@pytest.mark.parametrize(
    ("lines", "same"),
    [
        (["return grid"], True),
        (["return [1 / 0 for _ in grid[:-1]] or grid"], True),
        (["raise ValueError(object())"], True),
        (["return object()"], True),
        (["if grid == [[2, 2]]: os._exit(3)", "return grid"], True),
        (["return list({'a', 'b', 'c'})"], True),
        (["import random", "return random.random()"], False),
        (["import numpy", "return numpy.random.rand(2, 2)"], False),
        (["return os.urandom(8).hex()"], False),
        (["import time", "return time.time_ns()"], False),
        (["sys.seen = getattr(sys, 'seen', 0) + 1", "return sys.seen"], False),
        (["sys.seen = getattr(sys, 'seen', 0) + 1", "return 1 / 0 if sys.seen == 3 else True"], False),
        (["sys.seen = getattr(sys, 'seen', 0) + 1", "return True if sys.seen == 3 else 1"], False),
        (["while True: pass"], None),
    ],
)
def test_programs_are_marked(sandbox: Sandbox, lines: list[str], same: bool | None) -> None:
    source = body(*lines)
    [once] = sandbox.run([(source, INPUTS)])
    [twice] = sandbox.run([(source, INPUTS)], twice=True)
    assert {outcome.deterministic for outcome in once} == {None}
    assert {outcome.deterministic for outcome in twice} == {same}
    assert [outcome.status for outcome in twice] == [outcome.status for outcome in once]  # in the order asked for
    assert [outcome.status for outcome in asyncio.run(sandbox.submit(source, INPUTS, twice=True))] == [
        outcome.status for outcome in once
    ]


def test_many_programs_keep_their_order_and_one_input_is_enough(sandbox: Sandbox) -> None:
    programs: list[tuple[str, list[Value]]] = [(f"def transform(x): return [x, {i}]", [1, "a"]) for i in range(40)]
    results = sandbox.run(programs, twice=True)
    assert [[outcome.value for outcome in outcomes] for outcomes in results] == [[[1, i], ["a", i]] for i in range(40)]
    assert all(outcome.deterministic for outcomes in results for outcome in outcomes)
    assert sandbox.run([(body("return os.urandom(9).hex()"), [1])], twice=True)[0][0].deterministic is False
    assert sandbox.run([(body("return 1"), [])], twice=True) == [[]]


def test_what_was_not_answered_is_not_compared() -> None:
    ok, other, late, never = Outcome("ok", 1), Outcome("ok", 1.0), Outcome("timeout"), Outcome("skipped")
    assert [outcome.deterministic for outcome in mark([ok, late, never], [never, late, ok])] == [True] * 3
    assert [outcome.deterministic for outcome in mark([ok, late], [late, other])] == [False] * 2
    assert [outcome.deterministic for outcome in mark([late, never], [late, never])] == [None] * 2
    broken, worse = (Outcome("error", error=ProgramError(kind, "")) for kind in ("KeyError", "IndexError"))
    assert mark([broken], [worse])[0].deterministic is False
