"""Settings that must come before torch, and the embedded model, opened once."""

from __future__ import annotations

import os

os.environ.setdefault("OMP_WAIT_POLICY", "passive")
os.environ.setdefault("OMP_NUM_THREADS", "1")

from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

import soar
from soar.models.mini import MiniModel
from soar.models.scripted import ScriptedModel
from tests.search_support import TASKS, script


@pytest.fixture(scope="session", autouse=True)
def no_process_is_left() -> Iterator[None]:
    """Every process that a test starts is gone at the end; those of Python's own machinery aside."""
    me = psutil.Process()
    before = {child.pid for child in me.children(recursive=True)}
    yield
    left = [child for child in me.children(recursive=True) if child.pid not in before]
    _, alive = psutil.wait_procs(left, timeout=5)
    lines = [" ".join(child.cmdline())[:200] for child in alive if child.status() != psutil.STATUS_ZOMBIE]
    mine = [line for line in lines if line and "resource_tracker" not in line and "_inductor" not in line]
    assert not mine, f"left running: {mine}"


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
