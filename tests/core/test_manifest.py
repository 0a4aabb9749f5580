"""What may differ when a folder is come back to, and what is said where it may not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, Field

from soar.core.errors import SoarError
from soar.core.manifest import Manifest, may, rules_of


class Options(BaseModel):
    samples: int = Field(8, json_schema_extra=may("grow"))
    workers: int = Field(2, json_schema_extra=may("change"))
    held_out: str | None = Field(None, json_schema_extra=may("come"))
    seed: int = 0


MANIFEST = Manifest(Path("runs/a"), SoarError, rules_of(Options))
OLD = Options().model_dump()


@pytest.mark.parametrize("change", [{}, {"samples": 9}, {"workers": 9}, {"workers": None}, {"held_out": "x"}])
def test_some_fields_may_change(change: dict[str, Any]) -> None:
    MANIFEST.check(OLD, OLD | change)


@pytest.mark.parametrize(("old", "change", "said"), [
    ({}, {"seed": 1}, "runs/a: seed was 0 and is now 1: go on with the old value"),
    ({}, {"samples": 7}, "samples was 8 and is now 7: it can only be raised: go on"),
    ({"held_out": "x"}, {"held_out": "y"}, "held_out was 'x' and is now 'y'"),
    ({"held_out": "x"}, {"held_out": None}, "held_out was 'x' and is now None"),
    ({}, {"model": "mini"}, "model was None and is now 'mini'"),
])  # fmt: skip
def test_others_may_not(old: dict[str, Any], change: dict[str, Any], said: str) -> None:
    with pytest.raises(SoarError, match=said):
        MANIFEST.check(OLD | old, OLD | old | change)


def test_an_option_younger_than_the_folder_was_its_default() -> None:
    older = {name: value for name, value in OLD.items() if name != "seed"}
    MANIFEST.check(older, OLD, OLD)
    with pytest.raises(SoarError, match="seed was 0 and is now 1"):
        MANIFEST.check(older, OLD | {"seed": 1}, OLD)
