"""docs/grids.md lists every function, and is what experiments/draw_grids.py writes."""

from __future__ import annotations

import importlib
import inspect
import re
from pathlib import Path

import pytest

import soar.grids

ROOT = Path(__file__).parents[2]


def test_the_page_and_its_pictures_are_up_to_date(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(ROOT / "experiments")
    pages = dict(importlib.import_module("draw_grids").pages())
    stale = [path.name for path, text in pages.items() if path.read_text() != text]
    assert not stale, f"{stale}: run python experiments/draw_grids.py"
    assert sum(len(text) for text in pages.values()) < 1.5 * 2**20


def test_the_page_lists_every_function_once() -> None:
    listed = re.findall(r"^\| `(\w+)\(", (ROOT / "docs/grids.md").read_text(), re.MULTILINE)
    assert sorted(listed) == sorted(
        name for name in soar.grids.__all__ if inspect.isfunction(getattr(soar.grids, name))
    )
