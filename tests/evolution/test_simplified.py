"""The best program may be shown without what changes nothing; what was written stays."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import soar
from tests.search_support import TASKS

BLOATED = "def transform(grid):\n    x = 3\n    y = grid[:]\n    if x == 4:\n        return 1\n    return y"
OPTIONS = {"samples": 2, "refinements": 0, "workers": 1, "progress": False}


def test_the_program_shown_is_the_simplified_one(tmp_path: Path) -> None:
    model = soar.ScriptedModel([BLOATED])
    result = soar.search(TASKS["task0"], model, run=tmp_path, simplify=True, **OPTIONS)  # type: ignore[arg-type]
    assert result.simplified is not None and result.best is not None and result.best.program is not None
    short = result.simplified.source
    assert len(short) < len(BLOATED) and "x = 3" not in short
    assert short.strip() in str(result) and short.strip() in result._repr_html_()
    assert result.best.program.source.strip() == BLOATED and result.best.reply == BLOATED
    best = result.to_json()["best"]
    assert best["source"].strip() == BLOATED and best["simplified"] == short
    again = soar.search(TASKS["task0"], model, run=tmp_path, **OPTIONS)  # type: ignore[arg-type]
    assert "x = 3" in str(again) and "simplified" not in again.to_json()["best"]
    assert json.loads((tmp_path / "config.json").read_text())["0"]["options"]["simplify"] is False


@pytest.mark.parametrize("reply", ["no program", "def transform(grid):\n    raise ValueError"])
def test_what_fails_or_is_missing_is_shown_as_it_is(reply: str) -> None:
    result = soar.search(TASKS["task0"], soar.ScriptedModel([reply]), simplify=True, **OPTIONS)  # type: ignore[arg-type]
    assert (result.simplified is None) == (reply == "no program")
    assert "raise" not in reply or "raise ValueError" in str(result)
