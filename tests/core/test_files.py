"""Files and folders appear whole or not at all."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

import soar
from soar.archive.records import Evaluator
from soar.core.files import whole, write_whole
from soar.models.scripted import ScriptedModel
from tests.search_support import TASKS, script


def test_a_file_is_replaced_at_the_end(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text("old")
    with whole(file) as draft:
        assert draft.name == "a.csv" and list(tmp_path.glob("*.csv")) == [file]
        draft.write_text("new")
        assert file.read_text() == "old"
    assert file.read_text() == "new" and list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_an_error_leaves_what_was_there(tmp_path: Path, error: type[BaseException]) -> None:
    file, folder = tmp_path / "a", tmp_path / "b"
    write_whole(file, "old")
    for target in (file, folder):
        with pytest.raises(error), whole(target) as draft:
            draft.mkdir() if target is folder else draft.write_text("half")
            raise error
    assert file.read_text() == "old" and list(tmp_path.iterdir()) == [file]


def test_a_folder_takes_the_place_of_one(tmp_path: Path) -> None:
    folder = tmp_path / "a"
    for name in ("first", "second"):
        with whole(folder) as draft:
            draft.mkdir()
            (draft / name).touch()
    assert [one.name for one in folder.iterdir()] == ["second"] and list(tmp_path.iterdir()) == [folder]


def test_what_a_kill_has_left_is_written_over(tmp_path: Path) -> None:
    with whole(tmp_path / "a") as draft:
        draft.touch()
        left = draft
    left.mkdir(parents=True)
    (left / "half").touch()
    with whole(tmp_path / "a") as draft:
        assert draft == left and not draft.exists()
        draft.write_bytes(b"1")
    assert (tmp_path / "a").read_bytes() == b"1"


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl", "a.parquet"])
def test_an_export_that_fails_leaves_the_old_one(two_rounds: Path, tmp_path: Path, name: str) -> None:
    results = soar.load_run(two_rounds)
    file = tmp_path / name
    file.write_text("old")
    broken = [Evaluator(TASKS["task0"]), None]
    with pytest.raises(AttributeError):
        soar.archive.export.write_rows(file, results._archive, broken)  # type: ignore[list-item]
    assert file.read_text() == "old" and list(tmp_path.iterdir()) == [file]


def test_what_is_left_of_a_deleted_archive_is_not_applied_to_the_next(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    soar.search(TASKS, ScriptedModel(script), run=folder, samples=4, refinements=0, workers=1)
    file = folder / "archive.sqlite"
    with sqlite3.connect(file) as kept:  # keeps the write-ahead log from being taken away
        kept.execute("PRAGMA journal_mode = WAL")
        kept.execute("PRAGMA wal_autocheckpoint = 0")
        kept.execute("CREATE TABLE other (a)")
        kept.commit()
        log = Path(f"{file}-wal")
        old = log.read_bytes()
    kept.close()
    assert old
    file.unlink()
    log.write_bytes(old)
    results = soar.search(TASKS, ScriptedModel(script), run=folder, samples=4, refinements=0, workers=1)
    assert results.summary.completions == 12
    with sqlite3.connect(file) as connection:
        tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
    assert "other" not in tables and sqlite3.connect(file).execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_folders_above_are_made(tmp_path: Path) -> None:
    write_whole(tmp_path / "new" / "newer" / "file.txt", "said")
    assert (tmp_path / "new" / "newer" / "file.txt").read_text() == "said"
    assert [one.name for one in (tmp_path / "new" / "newer").iterdir()] == ["file.txt"]
