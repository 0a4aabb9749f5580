from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest

import soar
from soar.export import ExportError, attempt_rows
from soar.search import load_run
from soar.testing import ScriptedModel
from tests.search_support import TASKS, script

SMALL = {"samples": 24, "refinements": 8, "samples_per_request": 8, "workers": 1}


@pytest.fixture
def results(tmp_path: Path) -> soar.SearchResults:
    return soar.search(TASKS, ScriptedModel(script), run=tmp_path / "run", **SMALL)


def test_a_row_says_what_an_attempt_is(results: soar.SearchResults) -> None:
    with soar.Archive(results.run) as archive:
        rows = list(attempt_rows(archive, TASKS.values()))
        attempts = [attempt for task in TASKS.values() for attempt in archive.attempts(task)]
    assert len(rows) == len(attempts) == 3 * 32
    for row, attempt in zip(rows, attempts, strict=True):
        assert (row["key"], row["task_id"], row["parents"]) == (attempt.key, attempt.task_id, list(attempt.parents))
        assert (row["source"] is None) == (attempt.program is None)
        assert row["train_accuracy"] == attempt.train_accuracy and row["eligible"] == attempt.eligible
        values = [one and json.loads(one) for one in row["train_outputs"]]
        assert values == [one.value if one.status == "ok" else None for one in attempt.train]


def test_test_outputs_are_in_no_row(results: soar.SearchResults) -> None:
    with soar.Archive(results.run) as archive:
        hidden = [task.without_test_outputs() for task in TASKS.values()]
        assert list(attempt_rows(archive, TASKS.values())) == list(attempt_rows(archive, hidden))


def test_parquet_holds_every_row(results: soar.SearchResults, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    monkeypatch.setattr("soar.export.ROWS_AT_ONCE", 7)
    assert results.to_parquet(tmp_path / "all.parquet") == 96
    with soar.Archive(results.run) as archive:
        rows = list(attempt_rows(archive, TASKS.values()))
    table = parquet.read_table(tmp_path / "all.parquet").to_pylist()
    assert table == [{name: row[name] for name in table[0]} for row in rows]
    assert set(table[0]) == set(rows[0])


def test_a_dataset_holds_every_row(results: soar.SearchResults) -> None:
    pytest.importorskip("datasets")
    dataset = load_run(results.run).to_dataset()
    assert len(dataset) == 96 and set(dataset["task_id"]) == set(TASKS)


@pytest.mark.parametrize("name", ["pyarrow", "datasets"])
def test_a_missing_package_names_its_install_line(
    results: soar.SearchResults, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda package: None)
    with pytest.raises(ExportError, match=rf"needs {name}: pip install 'soar-search\[train\]'"):
        results.to_parquet(tmp_path / "x") if name == "pyarrow" else results.to_dataset()
