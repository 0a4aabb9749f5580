"""What the tests of the sandbox share: honest programs, the form of hostile ones, and a look at processes and files."""

from __future__ import annotations

import os
import textwrap
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from soar.sandbox import Limits, Outcome, Sandbox, Status, Value

GRID: Value = [[1, 2], [3, 4]]
HONEST = "import numpy as np\ndef transform(grid):\n    return np.rot90(np.array(grid), 2)"
TURNED: Value = [[4, 3], [2, 1]]
LIMITS = Limits(seconds=0.2, memory_mb=128, output_kb=64)
THROUGH = "through"  # what a program returns that has done what it must not
MARK = f"sandbox-was-here-{os.getpid()}"  # in the name of each file that a program tries to write


@dataclass(frozen=True, slots=True)
class Hostile:
    """A program beside the right verdict on it: its status, the answer if that is "ok", and what the error says.

    `confined`: right only where all layers of confinement are."""

    family: str
    name: str
    source: str
    verdict: tuple[Status, ...]
    value: Value = None
    says: tuple[str, ...] = ()
    confined: bool = False

    def __str__(self) -> str:
        return f"{self.family}: {self.name}"

    def judges(self, outcome: Outcome) -> bool:
        """Whether `outcome` is the right verdict."""
        error = f"{outcome.error.type}: {outcome.error.message}" if outcome.error else ""
        right = (
            outcome.value == self.value if outcome.status == "ok" else any(word in error for word in self.says or [""])
        )
        return outcome.status in self.verdict and right


def family(
    name: str,
    verdict: Status | tuple[Status, ...],
    sources: Mapping[str, str],
    *,
    value: Value = None,
    says: tuple[str, ...] = (),
    confined: bool = False,
) -> list[Hostile]:
    """Programs with the same right verdict. A source without a function `transform` is the body of one."""
    allowed = (verdict,) if isinstance(verdict, str) else verdict
    return [Hostile(name, key, whole(text), allowed, value, says, confined) for key, text in sources.items()]


def whole(text: str) -> str:
    """A program: `text` as it stands if it begins with #, else as the body of `transform`."""
    text = textwrap.dedent(text).strip("\n")
    if text.startswith("#"):
        return text
    return "import os, sys\ndef transform(grid):\n" + textwrap.indent(text, "    ")


def body(*lines: str) -> str:
    return whole("\n".join(lines))


def one(sandbox: Sandbox, source: str, value: Value = GRID) -> Outcome:
    """The outcome of `source`, after which an honest program must still be right."""
    [[outcome], [honest]] = sandbox.run([(textwrap.dedent(source), [value]), (HONEST, [GRID])])
    assert (honest.status, honest.value) == ("ok", TURNED)
    return outcome


def full_confinement(sandbox: Sandbox) -> None:
    """Skip a test that needs all layers where one is missing."""
    if missing := {name: why for name, why in sandbox.layers().items() if why is not True}:
        pytest.skip(f"this system lacks {missing}")


def descendants(pid: int) -> set[int]:
    """Processes below `pid`, and the dead among them too."""
    parents = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                parents[int(name)] = int(Path(f"/proc/{name}/stat").read_text().rpartition(")")[2].split()[1])
            except (FileNotFoundError, ProcessLookupError):
                continue
    found: set[int] = set()
    while more := {child for child, parent in parents.items() if parent in found | {pid}} - found:
        found |= more
    return found


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def gone_soon(pids: set[int]) -> bool:
    deadline = time.monotonic() + 5
    while any(map(alive, pids)) and time.monotonic() < deadline:
        time.sleep(0.02)
    return not any(map(alive, pids))


def marked_files() -> list[str]:
    """Files that a program has left where it tries to, and removes them."""
    places = ["/", "/tmp", "/var/tmp", "/dev/shm", os.getcwd(), os.path.dirname(os.__file__)]
    found = [os.path.join(place, name) for place in places if os.path.isdir(place) for name in os.listdir(place)]
    found = [path for path in found if MARK in path]
    for path in found:
        os.rmdir(path) if os.path.isdir(path) and not os.path.islink(path) else os.remove(path)
    return found


def resident_mb(pid: int | str = "self") -> float:
    """Resident memory of a process, in MiB."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE") / 2**20
