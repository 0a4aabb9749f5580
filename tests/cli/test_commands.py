"""Every `soar ...` line and every settings file in README and docs/ is one that `soar` would take."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
import typer

from soar.cli.main import app
from soar.models.openai.model import load_settings
from tests.docs.test_readme import PAGES

BLOCKS = [(page, block) for page in PAGES for block in re.findall(r"```(?:sh)?\n(.*?)```", page.read_text(), re.DOTALL)]
LINES = [
    pytest.param(line, id=f"{page.name}: {line}")
    for page, block in BLOCKS
    for line in block.splitlines()
    if line.startswith("soar ")
]
SETTINGS = [block for page in PAGES for block in re.findall(r"```toml\n(.*?)```", page.read_text(), re.DOTALL)]


@pytest.mark.parametrize("line", LINES)
def test_a_command_is_understood(line: str) -> None:
    words = shlex.split(line.split("  ")[0], comments=True)[1:]
    command = typer.main.get_command(app).get_command(None, words[0])  # type: ignore[attr-defined]
    command.make_context(words[0], words[1:])


def test_settings_are_understood(tmp_path: Path) -> None:
    assert SETTINGS
    for number, text in enumerate(SETTINGS):
        file = tmp_path / f"{number}.toml"
        file.write_text(text)
        load_settings(file)
