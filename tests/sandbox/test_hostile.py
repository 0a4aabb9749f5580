"""Each hostile program: the right verdict, then a right answer of an honest one, and nothing left behind."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator

import pytest

from soar.sandbox import Sandbox
from tests.sandbox.hostile_code import CODE
from tests.sandbox.hostile_reach import REACH
from tests.sandbox.hostile_values import VALUES
from tests.sandbox.support import (
    GRID,
    HONEST,
    LIMITS,
    TURNED,
    Hostile,
    descendants,
    full_confinement,
    gone_soon,
    marked_files,
    resident_mb,
)

PROGRAMS = [*CODE, *VALUES, *REACH]
Bench = tuple[Sandbox, set[int]]  # and the processes that may be there between programs


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    before = descendants(os.getpid())
    with Sandbox(workers=1, limits=LIMITS) as sandbox:
        yield sandbox, descendants(os.getpid())
    assert gone_soon(descendants(os.getpid()) - before)


@pytest.mark.parametrize("program", PROGRAMS, ids=str)
def test_hostile_program(bench: Bench, program: Hostile) -> None:
    sandbox, standing = bench
    if program.confined:
        full_confinement(sandbox)
    memory = resident_mb()
    [outcomes, [honest]] = sandbox.run([(program.source, [GRID, GRID]), (HONEST, [GRID])])
    assert program.judges(outcomes[0]), outcomes[0]
    assert outcomes[1].status == "skipped" or program.judges(outcomes[1]), outcomes[1]
    assert (honest.status, honest.value) == ("ok", TURNED)
    now = descendants(os.getpid())
    assert standing <= now, "the zygote had to be replaced"
    assert gone_soon(now - standing)
    assert resident_mb() < memory + 32
    assert not marked_files()


def test_the_programs_are_many_and_of_all_families() -> None:
    for kind in (str, lambda program: program.source):
        assert len(set(map(kind, PROGRAMS))) == len(PROGRAMS)
    families = Counter(program.family for program in PROGRAMS)
    assert len(PROGRAMS) >= 60 and len(families) >= 20 and min(families.values()) >= 3, families
