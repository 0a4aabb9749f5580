"""The notebook of the loop runs from top to bottom."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

NOTEBOOK = Path(__file__).parents[2] / "docs" / "notebooks" / "loop.ipynb"


@pytest.mark.slow
def test_the_notebook_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, sys.path)))
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    kept = [len(cell.outputs) for cell in notebook.cells if cell.cell_type == "code"]
    NotebookClient(notebook, timeout=900, resources={"metadata": {"path": str(tmp_path)}}).execute()
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert all(cell.execution_count for cell in cells)
    assert [bool(cell.outputs) for cell in cells] == [bool(count) for count in kept], (
        "run it again and keep its outputs"
    )
    pictures = [output for cell in cells for output in cell.outputs if "<svg" in str(output.get("data", ""))]
    assert len(pictures) >= 3  # the task, the result, what the task became in hindsight
    assert (tmp_path / "runs/thirty/iteration-0/adapter/soar.json").exists()
