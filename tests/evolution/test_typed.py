"""The typed signatures say what the configurations say."""

from __future__ import annotations

from pathlib import Path

import pytest

from experiments import typed_options


@pytest.mark.parametrize("file", list(typed_options.modules()), ids=lambda file: file.parent.name)
def test_the_modules_are_what_the_script_writes(file: Path) -> None:
    made = typed_options.tidied(typed_options.modules()[file], file)
    assert made == file.read_text(), "run python experiments/typed_options.py"
