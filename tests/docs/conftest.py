"""The documentation, built as `make docs` builds it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def build(folder: Path) -> subprocess.CompletedProcess[str]:
    """Build the site of what lies in `folder`, in `folder/build/site`."""
    command = [sys.executable, "-m", "zensical", "build", "--strict", "--clean"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


@pytest.fixture(scope="session")
def copied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with all that the site is made of: its pages, its settings, the sources that its reference reads."""
    folder = tmp_path_factory.mktemp("docs")
    shutil.copytree(ROOT / "docs", folder / "docs")
    shutil.copytree(ROOT / "soar", folder / "soar", ignore=lambda _, names: [n for n in names if n == "weights"])
    shutil.copy(ROOT / "mkdocs.yml", folder)
    return folder


@pytest.fixture(scope="session")
def site(copied: Path) -> Path:
    """The built site."""
    done = build(copied)
    assert done.returncode == 0, done.stdout + done.stderr
    return copied / "build" / "site"
