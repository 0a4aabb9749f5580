"""What the paper index names can be imported."""

from __future__ import annotations

import re
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import pytest

PAGE = (Path(__file__).parents[2] / "docs" / "papers.md").read_text()
NAMES = sorted(set(re.findall(r"`(soar(?:\.\w+)+)`", PAGE)))


@pytest.mark.parametrize("name", NAMES)
def test_it_can_be_imported(name: str) -> None:
    module, _, last = name.rpartition(".")
    found = find_spec(module) is not None and hasattr(import_module(module), last)
    assert found or find_spec(name) is not None, f"docs/papers.md names {name}, which is not there"


def test_every_row_says_where() -> None:
    rows = [line for line in PAGE.splitlines() if line.startswith("|") and not line.startswith(("|---", "| what"))]
    assert len(rows) > 30
    assert [row for row in rows if "`soar." not in row] == []
