from __future__ import annotations

import csv
import importlib.util
import json
from pathlib import Path

import pytest

import soar
from soar.archive.export import ExportError, attempt_rows
from soar.archive.records import Evaluator
from soar.evolution.results import load_run
from soar.models.scripted import ScriptedModel
from tests.search_support import TASKS, make_task, script

SMALL = {"samples": 24, "refinements": 8, "samples_per_request": 8, "workers": 1}


@pytest.fixture
def results(tmp_path: Path) -> soar.SearchResults:
    return soar.search(TASKS, ScriptedModel(script), run=tmp_path / "run", **SMALL)


def test_a_row_says_what_an_attempt_is(results: soar.SearchResults) -> None:
    with soar.Archive(results.run) as archive:
        rows = list(attempt_rows(archive, map(Evaluator, TASKS.values())))
        attempts = [attempt for task in TASKS.values() for attempt in archive.attempts(Evaluator(task))]
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
        assert list(attempt_rows(archive, map(Evaluator, TASKS.values()))) == list(
            attempt_rows(archive, map(Evaluator, hidden))
        )


def test_parquet_holds_every_row(results: soar.SearchResults, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    monkeypatch.setattr("soar.archive.export.ROWS_AT_ONCE", 7)
    assert results.to_parquet(tmp_path / "all.parquet") == 96
    with soar.Archive(results.run) as archive:
        rows = list(attempt_rows(archive, map(Evaluator, TASKS.values())))
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
    with pytest.raises(ExportError, match=rf"needs {name}: pip install -e "):
        results.to_parquet(tmp_path / "x") if name == "pyarrow" else results.to_dataset()


REPLIES = (
    "I cannot say.",
    "```python\ndef transform(grid):\n    raise ValueError('no, \"rows\"')\n```",
    "```python\ndef transform(grid):\n    return grid\n```",
)


@pytest.fixture
def mixed(tmp_path: Path) -> soar.SearchResults:
    model, options = ScriptedModel(REPLIES), {"samples": 6, "refinements": 0, "samples_per_request": 6}
    return soar.search([make_task("a,b", 1)], model, run=tmp_path / "run", **options)


def test_an_attempt_says_what_the_model_said_and_what_failed(mixed: soar.SearchResults) -> None:
    attempts = {one.key[-1]: one for one in mixed["a,b"].attempts}
    nothing, raises, plain = attempts["0"], attempts["1"], attempts["2"]
    assert nothing.reply == "I cannot say." and nothing.finish_reason == "stop" and nothing.program is None
    assert nothing.parse_error and nothing.failure == f"no program: {nothing.parse_error}"
    assert raises.failure == 'example 1: error: ValueError: no, "rows", line 2' and raises.parse_error is None
    assert plain.failure is None and plain.program is not None and plain.program.source.strip() in plain.reply


def test_the_suffix_says_what_is_written(mixed: soar.SearchResults, tmp_path: Path) -> None:
    with soar.Archive(mixed.run) as archive:
        rows = list(attempt_rows(archive, [Evaluator(mixed["a,b"].task)]))
    assert rows[1]["train_errors"][0] == 'error: ValueError: no, "rows", line 2' and rows[2]["test_errors"] == [None]
    assert mixed.export(tmp_path / "all.jsonl") == 6
    assert [json.loads(line) for line in (tmp_path / "all.jsonl").read_text().splitlines()] == rows
    assert mixed.export(tmp_path / "all.CSV") == 6
    with (tmp_path / "all.CSV").open(newline="") as file:
        cells = list(csv.DictReader(file))
    assert [one["reply"] for one in cells] == [row["reply"] for row in rows]
    assert [json.loads(one["train_errors"]) for one in cells] == [row["train_errors"] for row in rows]
    assert set(cells[0]) == set(rows[0]) and cells[0]["source"] == ""


@pytest.mark.parametrize("name", ["all", "all.xlsx", "all.json", "all.csv.gz", "all.tsv"])
def test_other_suffixes_are_refused_and_nothing_is_written(
    mixed: soar.SearchResults, tmp_path: Path, name: str
) -> None:
    with pytest.raises(ExportError, match=r"\.parquet, \.csv or \.jsonl"):
        mixed.export(tmp_path / name)
    with pytest.raises(ExportError, match=r"name it \.parquet"):
        mixed.to_parquet(tmp_path / "all.csv")
    assert [one.name for one in tmp_path.iterdir()] == ["run"]
