"""The notebooks of searches run from top to bottom, and keep the outputs that they have when they do."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

NOTEBOOKS = Path(__file__).parents[2] / "docs" / "notebooks"


def kinds(cell: Any) -> set[str]:
    """Kinds of what a cell shows: text, pictures."""
    return {kind for output in cell.outputs for kind in output.get("data", {"stream": ""})}


@pytest.mark.slow
@pytest.mark.parametrize("name", ["search", "set", "scorer"])
def test_it_runs(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, sys.path)))
    notebook = nbformat.read(NOTEBOOKS / f"{name}.ipynb", as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    kept = [kinds(cell) for cell in code]
    assert any("text/html" in shown for shown in kept) and all(cell.execution_count for cell in code)
    assert not [one for cell in code for one in cell.outputs if one.output_type == "error"]
    NotebookClient(notebook, timeout=900, resources={"metadata": {"path": str(tmp_path)}}).execute()
    assert [kinds(cell) for cell in code] == kept, "run it again and keep its outputs"
