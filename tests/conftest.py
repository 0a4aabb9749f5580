"""Settings that must come before torch, and the embedded model, opened once."""

from __future__ import annotations

import gc
import os

os.environ.setdefault("OMP_WAIT_POLICY", "passive")
os.environ.setdefault("OMP_NUM_THREADS", "1")

from collections.abc import Iterator
from pathlib import Path

import hypothesis
import psutil
import pytest

import soar
from soar.models.mini import MiniModel
from soar.models.scripted import ScriptedModel
from tests.search_support import TASKS, script

hypothesis.settings.register_profile("soar", deadline=None)  # timings are never asserted
hypothesis.settings.load_profile("soar")


@pytest.fixture(scope="session", autouse=True)
def first_seen() -> Iterator[dict[int, str]]:
    """Every process that a test starts is gone at the end; those of Python's own machinery aside."""
    me, seen = psutil.Process(), dict[int, str]()
    seen |= {child.pid: "" for child in me.children(recursive=True)}
    yield seen
    gc.collect()  # what only a cycle holds is closed when it is collected
    left = [child for child in me.children(recursive=True) if seen.get(child.pid, "no test")]
    _, alive = psutil.wait_procs(left, timeout=5)
    lines = {child.pid: " ".join(child.cmdline())[:200] for child in alive if child.status() != psutil.STATUS_ZOMBIE}
    own = ("resource_tracker", "_inductor")
    mine = [(seen.get(pid), line) for pid, line in lines.items() if line and not any(name in line for name in own)]
    assert not mine, f"left running, with the test after which each was first seen: {mine}"


@pytest.fixture(autouse=True)
def processes_of_a_test(first_seen: dict[int, str], request: pytest.FixtureRequest) -> Iterator[None]:
    """Note the processes that are there after a test, so that one left behind can be traced to it."""
    yield
    for child in psutil.Process().children(recursive=True):
        first_seen.setdefault(child.pid, request.node.nodeid)


@pytest.fixture(scope="session")
def mini() -> Iterator[MiniModel]:
    """The shipped model in one process."""
    model = MiniModel(workers=1)
    yield model
    model.close()


@pytest.fixture(scope="session")
def two_rounds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run with two small rounds, by two models that follow one script; read it only."""
    folder = tmp_path_factory.mktemp("runs") / "a"
    for iteration, name in enumerate(("scripted", "second")):
        model = ScriptedModel(script, name=name)
        soar.search(TASKS, model, run=folder, iteration=iteration, samples=8, refinements=4, islands=1, workers=1)
    return folder
