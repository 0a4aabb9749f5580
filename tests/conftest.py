"""Settings that must come before torch, and the embedded model, opened once."""

from __future__ import annotations

import os

os.environ.setdefault("OMP_WAIT_POLICY", "passive")
os.environ.setdefault("OMP_NUM_THREADS", "1")

from collections.abc import Iterator

import pytest

from soar.models.mini import MiniModel


@pytest.fixture(scope="session")
def mini() -> Iterator[MiniModel]:
    """The shipped model in one process."""
    model = MiniModel(workers=1)
    yield model
    model.close()
