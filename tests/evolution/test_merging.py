from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

import soar
from soar.archive.reader import ArchiveError
from soar.archive.writer import ArchiveWriter
from soar.evolution.config import ConfigError
from soar.evolution.merging import merge_runs
from soar.evolution.results import load_run
from soar.models.scripted import ScriptedModel
from tests.search_support import TASKS, content, script

SMALL = {"samples": 24, "refinements": 8, "samples_per_request": 8, "workers": 1}


def run(folder: Path, *ids: str, **options: object) -> Path:
    soar.search([TASKS[id] for id in ids], ScriptedModel(script), run=folder, **(SMALL | options))
    return folder


@pytest.mark.parametrize("budget", ["fixed", "adaptive"])
def test_parts_merged_are_the_whole(tmp_path: Path, budget: str) -> None:
    parts = [run(tmp_path / "a", "task0", "task1", budget=budget), run(tmp_path / "b", "task2", budget=budget)]
    whole = run(tmp_path / "whole", *TASKS) if budget == "fixed" else None
    counts = merge_runs(tmp_path / "merged", parts)
    assert counts["completions"] == 3 * 32
    results = load_run(tmp_path / "merged")
    assert list(results) == list(TASKS)
    if whole is not None:
        assert content(tmp_path / "merged") == content(whole)
        assert results.to_json() == load_run(whole).to_json()
    before = content(tmp_path / "merged")
    assert merge_runs(tmp_path / "merged", parts) == counts and content(tmp_path / "merged") == before


def test_every_column_is_merged(tmp_path: Path) -> None:
    """Also one that the schema gets some day."""
    parts = [run(tmp_path / "a", "task0"), run(tmp_path / "b", "task1")]
    for part in parts:
        with closing(sqlite3.connect(part / "archive.sqlite")) as archive:
            for table in ("request", "completion", "outcome"):
                archive.execute(f"ALTER TABLE {table} ADD COLUMN remark TEXT")
                archive.execute(f"UPDATE {table} SET remark = '{table}'")
            archive.commit()
    with closing(ArchiveWriter(parts[0] / "archive.sqlite")) as archive:
        archive.absorb(parts[1] / "archive.sqlite")
    with closing(sqlite3.connect(parts[0] / "archive.sqlite")) as archive:
        for table in ("request", "completion", "outcome"):
            assert archive.execute(f"SELECT DISTINCT remark FROM {table}").fetchall() == [(table,)]


def test_overlapping_parts_and_different_budgets(tmp_path: Path) -> None:
    parts = [run(tmp_path / "a", "task0", "task1"), run(tmp_path / "b", "task1", "task2", samples=32)]
    merge_runs(tmp_path / "merged", parts)
    model = ScriptedModel(script)
    results = soar.search(TASKS, model, run=tmp_path / "merged", **(SMALL | {"samples": 32}))
    assert sum(n for _, n, _ in model.requests) == 8  # only task0 lacks samples
    assert results.summary.completions == 3 * 40


def test_what_is_no_part_of_one_search_is_refused(tmp_path: Path) -> None:
    first = run(tmp_path / "a", "task0")
    merge_runs(tmp_path / "merged", [first])
    before = content(tmp_path / "merged")
    with pytest.raises(ConfigError, match="seed was 0 and is now 1"):
        merge_runs(tmp_path / "merged", [run(tmp_path / "b", "task1", seed=1)])
    soar.search(TASKS["task0"], ScriptedModel(["I do not know"]), run=tmp_path / "c", **SMALL)
    with pytest.raises(ArchiveError, match="different answers to request 0/sample/-/0 of task task0"):
        merge_runs(tmp_path / "merged", [tmp_path / "c"])
    with pytest.raises(ArchiveError, match="into itself"):
        merge_runs(first, [first])
    with pytest.raises(ArchiveError, match="no archive at"):
        merge_runs(tmp_path / "merged", [tmp_path / "nowhere"])
    assert content(tmp_path / "merged") == before
