"""What honest programs may rely on, and what is said of their errors."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator

import pytest

from soar.sandbox import EncodingError, Limits, Sandbox, Value
from tests.sandbox.support import GRID, HONEST, LIMITS, TURNED, body, one


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(workers=1, limits=LIMITS) as one:
        yield one


def test_programs_and_inputs_in_order() -> None:
    programs = [(f"def transform(x):\n    return [x, {i}]", [0, "a", None, {"k": [True]}]) for i in range(60)]
    with Sandbox(workers=2) as sandbox:
        results = sandbox.run(programs)  # type: ignore[arg-type]
    for i, outcomes in enumerate(results):
        assert [outcome.value for outcome in outcomes] == [[0, i], ["a", i], [None, i], [{"k": [True]}, i]]
        assert {outcome.status for outcome in outcomes} == {"ok"}
        assert all(0 <= outcome.seconds < 1 for outcome in outcomes)


def test_grid_library_numpy_and_scipy_are_at_hand(sandbox: Sandbox) -> None:
    source = """
        from soar.grids import *
        import numpy as np, scipy.ndimage as nd, scipy.spatial, dataclasses, collections
        @dataclasses.dataclass
        class Box:
            count: int
        def transform(grid):
            return Box(int(nd.label(np.array(grid) > 0)[1])).count
    """
    assert one(sandbox, source).value == 1


def test_another_entry_point_and_no_inputs(sandbox: Sandbox) -> None:
    assert sandbox.run([("def solve(x): return x + 1", [1, 2])], entry_point="solve")[0][1].value == 3
    assert sandbox.run([("def transform(x): return x", [])]) == [[]]
    assert sandbox.run([]) == []


def test_input_is_a_fresh_copy_for_each_call_and_in_the_parent(sandbox: Sandbox) -> None:
    grid: Value = [[1, 2], [3, 4]]
    source = "def transform(grid):\n    grid[0][0] += 5\n    grid.append(0)\n    return grid"
    outcomes = sandbox.run([(source, [grid, grid])])[0]
    assert [outcome.value for outcome in outcomes] == [[[6, 2], [3, 4], 0]] * 2
    assert grid == [[1, 2], [3, 4]]


def test_state_does_not_reach_the_next_program(sandbox: Sandbox) -> None:
    dirty = """
        import builtins, json, numpy as np, soar.grids, sys, random
        builtins.len = lambda x: 99
        np.rot90 = lambda *a: 7
        json.dumps = json.JSONEncoder.encode = None
        soar.grids.leak = np.leak = sys.leak = 1
        def transform(grid):
            return 5
    """
    one(sandbox, dirty)
    leaks = "*(hasattr(module, 'leak') for module in (sys, numpy, soar.grids))"
    clean = body("import numpy, soar.grids", f"return [len(grid), {leaks}]")
    assert one(sandbox, clean).value == [2, False, False, False]


def test_random_numbers_and_string_sets_are_the_same_in_every_zygote() -> None:
    source = """
        import random, numpy as np
        def transform(x):
            return [random.random(), np.random.rand(), list({"ab", "cd", "ef", "gh"})]
    """
    found = []
    for _ in range(2):
        with Sandbox(workers=1, limits=LIMITS) as sandbox:
            found += [outcomes[0].value for outcomes in sandbox.run([(textwrap.dedent(source), [0])] * 2)]
    assert found[0] is not None and all(value == found[0] for value in found)


@pytest.mark.parametrize(
    ("source", "kind", "line"),
    [
        (body("x = 1", "return grid[7]"), "IndexError", 4),
        ("def transform(grid):\n    return (", "SyntaxError", 2),
        ("def transform(g):\n  return 1\n   return 2", "IndentationError", 3),
        ("x = 1 / 0\ndef transform(grid): return grid", "ZeroDivisionError", 1),
        ("def solve(grid): return grid\ndef helper(): pass", "EntryPointError", None),
        ("transform = 3", "EntryPointError", None),
        ("", "EntryPointError", None),
        ("def transform(): return 1", "TypeError", None),
        ("def transform(a, b): return 1", "TypeError", None),
        (body("return transform(grid)"), "RecursionError", 3),
        (body("sys.exit(0)"), "SystemExit", 3),
        (body("raise KeyboardInterrupt"), "KeyboardInterrupt", 3),
        (body("exit()"), "NameError", 3),
        (body("import no_such_module"), "ModuleNotFoundError", 3),
        (body("return input()"), "EOFError", 3),
        (body("import numpy as np", "return np.zeros((2, 2)) @ np.zeros(3)"), "ValueError", 4),
        (body("class E(Exception):", "  def __str__(self): raise ValueError", "raise E"), "E", None),
        (body("raise ValueError('\\ud800')"), "ValueError", 3),
        ("\ud800", "UnicodeEncodeError", None),
        (body("import threading", "threading.Thread(target=print).start()"), "RuntimeError", 4),
    ],
)
def test_errors_tell_type_and_line(sandbox: Sandbox, source: str, kind: str, line: int | None) -> None:
    outcome = one(sandbox, source)
    assert outcome.status == "error" and outcome.error is not None
    assert (outcome.error.type, outcome.error.line) == (kind, line)


def test_error_on_one_input_leaves_the_others(sandbox: Sandbox) -> None:
    outcomes = sandbox.run([("def transform(n): return 1 / n", [1, 0, 2])])[0]
    assert [outcome.status for outcome in outcomes] == ["ok", "error", "ok"]


def test_load_error_goes_to_every_input(sandbox: Sandbox) -> None:
    assert [outcome.status for outcome in sandbox.run([("1 / 0", [1, 2])])[0]] == ["error", "error"]


@pytest.mark.parametrize("lines", [["while True: pass"], ["10 ** 10 ** 8"]])
def test_busy_programs_are_stopped_at_their_cpu_limit(sandbox: Sandbox, lines: list[str]) -> None:
    outcomes = sandbox.run([(body(*lines), [GRID, GRID]), (HONEST, [GRID])])
    assert [outcome.status for outcome in outcomes[0]] == ["timeout", "skipped"]
    assert LIMITS.seconds <= outcomes[0][0].seconds < LIMITS.seconds + 0.2
    assert outcomes[1][0].value == TURNED


@pytest.mark.parametrize("line", [
    "time.sleep(60)", "while True: time.sleep(0.05)", "__import__('threading').Event().wait(60)",
    "__import__('select').select([], [], [], 60)",
])  # fmt: skip
def test_time_asleep_is_time(line: str) -> None:
    limits = Limits(seconds=1.0)
    with Sandbox(workers=1, limits=limits) as sandbox:
        start = time.monotonic()
        outcomes = sandbox.run([(body("import time", "if grid:", f"    {line}", "return 1"), [0, 1, 0])])[0]
        assert time.monotonic() - start < limits.wall_seconds / 2
    assert [outcome.status for outcome in outcomes] == ["ok", "timeout", "skipped"]
    assert outcomes[1].error is not None and "1 s of it asleep" in outcomes[1].error.message


def test_waiting_for_a_core_is_not_time() -> None:
    spin = [sys.executable, "-c", "while True: pass"]  # each in a session of its own: these share the cores evenly
    loaded = [subprocess.Popen(spin, start_new_session=True) for _ in range(4 * (os.cpu_count() or 1))]
    busy = body("import time", "while time.process_time() < 0.8: pass", "return time.process_time() < 1.5")
    try:
        with Sandbox(workers=1, limits=Limits(seconds=1.5)) as sandbox:
            start = time.monotonic()
            outcome = sandbox.run([(busy, [0])])[0][0]
            assert time.monotonic() - start > 1.6  # the machine was loaded
    finally:
        for process in loaded:
            process.kill()
            process.wait()
    assert outcome.value is True


def test_a_crash_ends_the_program_at_its_input(sandbox: Sandbox) -> None:
    outcomes = sandbox.run([(body("if grid == 1: os._exit(3)", "return 0"), [0, 1, 0])])[0]
    assert [outcome.status for outcome in outcomes] == ["ok", "crash", "skipped"]
    assert outcomes[1].error is not None and "exit status 3" in outcomes[1].error.message


def test_what_was_answered_before_memory_ran_out_stands(sandbox: Sandbox) -> None:
    outcomes = sandbox.run([(body("return len(bytes(grid))"), [10, 10**9, 20])])[0]
    assert [outcome.status for outcome in outcomes] == ["ok", "memory", "ok"]
    assert outcomes[1].error is not None and "128 MiB" in outcomes[1].error.message


def test_a_program_that_keeps_all_memory_in_small_pieces() -> None:
    """Not even its verdict finds room then."""
    source = "x = 1\ndef transform(grid):\n    global x\n    while True: x = (x,)"
    with Sandbox(workers=1, limits=Limits(seconds=20, memory_mb=32)) as sandbox:
        outcomes = sandbox.run([(source, [GRID, GRID])])[0]
    assert outcomes[0].status == "memory" and outcomes[0].error is not None
    assert "32 MiB" in outcomes[0].error.message


def test_an_answer_forged_with_the_nonce_is_data_all_the_same(sandbox: Sandbox) -> None:
    """A program that finds its own machinery can say what it could as well have returned, and nothing else."""
    find = "send = sys._getframe(2).f_locals['send']"
    assert one(sandbox, body(find, "send(0, 0.0, b'[NaN]')")).status == "crash"
    assert one(sandbox, body(find, "send(1, 0.0, b'[1]')")).status == "crash"
    assert one(sandbox, body(find, "send(7, 0.0, b'')")).status == "crash"  # trouble: only the zygote says so
    assert one(sandbox, body(find, "send(0, 1e9, b'9' * 10**6)")).status == "crash"
    assert one(sandbox, body(find, "send(0, float('nan'), b'[5]')")).value == [5]


def test_inputs_that_are_no_plain_data_are_the_callers_error(sandbox: Sandbox) -> None:
    with pytest.raises(EncodingError):
        sandbox.run([(HONEST, [object()])])  # type: ignore[list-item]


@pytest.mark.parametrize("wrong", [{"seconds": 0}, {"memory_mb": -1}, {"output_kb": 0}, {"seconds": float("nan")}])
def test_limits_are_positive(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="must be positive"):
        Limits(**wrong)  # type: ignore[arg-type]
