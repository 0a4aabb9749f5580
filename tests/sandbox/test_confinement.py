"""Layers of confinement: what they hide, what is left when one is taken away, and what is said then."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator

import pytest

from soar.sandbox import Sandbox, SandboxError, doctor_report, pool
from soar.sandbox.wire import LAYERS
from tests.sandbox.hostile_reach import PROCESSES
from tests.sandbox.support import LIMITS, THROUGH, body, descendants, gone_soon, one

FORKING = next(program.source for program in PROCESSES if program.name.startswith("fork again"))


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(workers=1, limits=LIMITS) as one:
        yield one


def test_nothing_of_another_program_is_left_in_memory(sandbox: Sandbox) -> None:
    """A program that reads the memory of Python's allocator finds its own words, but none of the program before."""
    secret = "lighthouse-" + "keeper"
    search = """
        import ctypes, gc
        def transform(words):
            wanted = words[0].encode()[:12] + words[1].encode()
            mine = [str(number) + words[2] for number in range(3000)] + [bytes(size) for size in range(500)]
            pools = {id(item) >> 14 for item in [wanted, *mine, *gc.get_objects()]}
            return sum(wanted in ctypes.string_at(pool << 14, 1 << 14) for pool in pools) - 1
    """
    sandbox.run([(f"# {secret}\ndef transform(x):\n    return x + x", [secret, [secret] * 50])])
    assert one(sandbox, search, ["lighthouse-", "keeper", ""]).value == 0  # its own `wanted`
    assert one(sandbox, search, ["lighthouse-", "keeper", secret]).value > 0  # type: ignore[operator]


@pytest.mark.parametrize(
    "lacking",
    [
        {"seccomp"},
        {"seccomp", "landlock", "pid namespace", "file tree"},
        {"pid namespace"},
        set(LAYERS),
        {"seccomp", "pid namespace"},
    ],
    ids=["no filter", "no filter, no pid namespace", "no pid namespace", "none", "no filter, but Landlock"],
)
def test_with_layers_taken_away(monkeypatch: pytest.MonkeyPatch, lacking: set[str]) -> None:
    """Escaping processes are found and ended by what is left."""
    monkeypatch.setattr(pool._Crew, "layers", [name for name in LAYERS if name not in lacking])
    before = descendants(os.getpid())
    with warnings.catch_warnings(action="ignore"), Sandbox(workers=1, limits=LIMITS) as sandbox:
        standing = descendants(os.getpid())
        forked = one(sandbox, FORKING)
        assert (forked.value == THROUGH) == ("seccomp" in lacking)
        assert one(sandbox, body("while True: pass")).status == "timeout"
        assert one(sandbox, body("os._exit(1)")).status == "crash"
        assert gone_soon(descendants(os.getpid()) - standing)
    assert gone_soon(descendants(os.getpid()) - before)


def test_required_confinement_refuses_and_auto_warns_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool._Crew, "layers", [name for name in LAYERS if name != "seccomp"])
    monkeypatch.setattr(pool, "_warned", set())
    before = descendants(os.getpid())
    with pytest.raises(SandboxError, match="seccomp"):
        Sandbox(workers=1, confinement="required")
    with pytest.warns(RuntimeWarning, match="seccomp"):
        Sandbox(workers=1).close()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Sandbox(workers=1).close()
    assert gone_soon(descendants(os.getpid()) - before)


def test_doctor_report() -> None:
    report = doctor_report()
    assert report["runs programs"] is True
    assert set(report) == {"runs programs", *LAYERS}
