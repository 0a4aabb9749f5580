from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from soar.archive.reader import Archive, ArchiveError
from soar.archive.records import Evaluator, Grant, Record, Request, hashes, task_inputs
from soar.archive.schema import SCHEMA_VERSION
from soar.archive.writer import ArchiveWriter
from soar.models.base import Completion
from soar.programs.program import Program
from soar.sandbox.encoding import EncodingError
from soar.sandbox.outcome import Outcome, ProgramError
from tests.search_support import TASKS

TASK = TASKS["task0"]
INPUTS = hashes(task_inputs(TASK))
RIGHT = tuple(Outcome("ok", example.output, seconds=0.5) for example in (*TASK.train, *TASK.test))
ERROR = Outcome("error", None, ProgramError("KeyError", "'x' \ud800", 3), 0.25)
HALF = (RIGHT[0], ERROR, Outcome("ok", [[1, 2]]), Outcome("timeout"))


def request(step: int = 0, **changes: object) -> Request:
    values: dict[str, object] = {
        "task_hash": TASK.content_hash, "task_id": TASK.id, "iteration": 0, "phase": "sample", "island": None,
        "step": step, "parents": (), "n": 3, "seed": 7, "prompt_hash": "p", "few_shot": (), "model": "m",
        "adapter": None, "prompt_set": "soar:1", "operator": "sample",
    }  # fmt: skip
    return Request(**(values | changes))  # type: ignore[arg-type]


def record(source: str | None, outcomes: tuple[Outcome, ...] = (), tokens: int = 5) -> Record:
    completion = Completion(f"reply {source}", tokens, "stop", -1.5)
    return Record(
        completion, None if source is None else Program(source), "no code" if source is None else None, outcomes
    )


RECORDS = [record("a", RIGHT), record(None), record("b", HALF)]


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[ArchiveWriter]:
    with ArchiveWriter(tmp_path / "archive.sqlite") as writer:
        yield writer


def test_what_is_recorded_is_read(archive: ArchiveWriter) -> None:
    archive.record(request(), 40, INPUTS, RECORDS)
    archive.record(
        request(phase="refine", island=2, parents=("0/sample/-/0/0",), n=1), 50, INPUTS, [record("c", RIGHT)]
    )
    right, nothing, half, child = archive.attempts(Evaluator(TASK))
    assert [one.key for one in (right, nothing, half, child)] == [
        "0/sample/-/0/0",
        "0/sample/-/0/1",
        "0/sample/-/0/2",
        "0/refine/2/0/0",
    ]
    assert (
        right.train + right.test == RIGHT and right.train_accuracy == 1.0 and right.eligible and right.logprob == -1.5
    )
    assert nothing.program is None and nothing.train == nothing.test == () and not nothing.eligible
    assert half.train == HALF[:3] and half.test == HALF[3:] and half.train_accuracy == pytest.approx(1 / 3)
    assert half.broken_rules == ("invalid-output",)
    assert (child.phase, child.island, child.parents) == ("refine", 2, ("0/sample/-/0/0",))
    assert archive.counts() == {
        "requests": 2, "completions": 4, "parse_failures": 1, "programs": 3, "tokens": 20, "prompt_tokens": 90,
    }  # fmt: skip
    assert archive.tasks() == {TASK.content_hash: TASK.id}
    assert archive.begun(TASK.content_hash, 0) == {"0/sample/-/0": 3, "0/refine/2/0": 1}
    assert archive.replay(Evaluator(TASK), "0/sample/-/0") == [right, nothing, half]
    assert archive.replay(Evaluator(TASK), "0/sample/-/1") == []


def test_attempts_come_in_order_and_by_iteration(archive: ArchiveWriter) -> None:
    for step in (11, 2, 0):
        archive.record(request(step), 1, INPUTS, [record("a", RIGHT)])
    archive.record(request(iteration=1, phase="refine", island=0), 1, INPUTS, [record("a", RIGHT)])
    archive.record(request(iteration=1, adapter="x"), 1, INPUTS, [record("a", RIGHT)])
    keys = [attempt.key for attempt in archive.attempts(Evaluator(TASK))]
    assert keys == ["0/sample/-/0/0", "0/sample/-/2/0", "0/sample/-/11/0", "1/sample/-/0/0", "1/refine/0/0/0"]
    assert [attempt.key for attempt in archive.attempts(Evaluator(TASK), iteration=1)] == keys[3:]


def test_an_attempt_knows_how_near_it_is_to_the_examples(archive: ArchiveWriter) -> None:
    near = [row[:] for row in TASK.train[0].output]
    near[0][0] = (near[0][0] + 1) % 10
    cells = len(near) * len(near[0])
    outcomes = (Outcome("ok", near), *RIGHT[1:])
    archive.record(request(), 1, INPUTS, [record("a", RIGHT), record("b", outcomes), record(None), record("c", HALF)])
    found = [attempt.pixel_accuracy for attempt in archive.attempts(Evaluator(TASK))]
    others = len(TASK.train) - 1
    assert found[:3] == pytest.approx([1.0, (others + (cells - 1) / cells) / (others + 1), 0.0])
    assert found[3] < 1.0


def test_outcomes_are_known_by_program_and_input(archive: ArchiveWriter) -> None:
    archive.record(request(), 1, INPUTS, RECORDS)
    assert archive.outcomes(Program("b"), INPUTS) == HALF
    assert archive.outcomes(Program("b"), INPUTS[::-1]) == HALF[::-1]
    assert archive.outcomes(Program("b"), [b"another input..."]) is None
    assert archive.outcomes(Program("never seen"), INPUTS) is None


def test_programs_and_values_are_stored_once(archive: ArchiveWriter) -> None:
    for step in range(3):
        archive.record(request(step), 1, INPUTS, RECORDS)
    with sqlite3.connect(archive.path) as reader:
        counts = [
            reader.execute(f"SELECT COUNT(*) FROM {table}").fetchone()[0] for table in ("program", "outcome", "blob")
        ]
    reader.close()
    assert counts == [2, 8, 5]


def test_a_request_is_written_whole_or_not_at_all(archive: ArchiveWriter) -> None:
    archive.record(request(0), 1, INPUTS, RECORDS)
    before = archive.counts()
    unwritable = (*RIGHT[:3], Outcome("ok", object()))  # type: ignore[arg-type]
    with pytest.raises(EncodingError):
        archive.record(request(1), 1, INPUTS, [record("new", RIGHT), record("bad", unwritable)])
    assert archive.counts() == before
    with pytest.raises(ArchiveError, match="UNIQUE"):
        archive.record(request(0), 1, INPUTS, RECORDS)
    assert archive.counts() == before
    archive.record(request(1), 1, INPUTS, RECORDS)


def test_a_full_disk_is_a_clear_error_and_loses_nothing(archive: ArchiveWriter) -> None:
    archive.record(request(0), 1, INPUTS, RECORDS)
    (pages,) = archive._connection.execute("PRAGMA page_count").fetchone()
    archive._connection.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(ArchiveError, match="full; free some space"):
        archive.record(request(1), 1, INPUTS, [record("x" * 100_000, RIGHT)])
    assert archive.counts()["requests"] == 1
    archive._connection.execute("PRAGMA max_page_count = 100000")
    archive.record(request(1), 1, INPUTS, [record("x" * 100_000, RIGHT)])
    assert archive.counts()["requests"] == 2


def test_test_outputs_play_no_part(archive: ArchiveWriter) -> None:
    archive.record(request(), 1, INPUTS, RECORDS)
    assert list(archive.attempts(Evaluator(TASK))) == list(archive.attempts(Evaluator(TASK.without_test_outputs())))


def test_a_second_writer_is_refused_and_readers_are_not(archive: ArchiveWriter) -> None:
    archive.record(request(0), 1, INPUTS, RECORDS)
    code = "import sys; from soar.archive.writer import ArchiveWriter; ArchiveWriter(sys.argv[1])"
    second = subprocess.run([sys.executable, "-c", code, archive.path], capture_output=True, text=True)
    assert second.returncode == 1
    assert f"is being written to by another search (process {os.getpid()})" in second.stderr
    with pytest.raises(ArchiveError, match="another search"):
        ArchiveWriter(archive.path)
    with Archive(archive.path) as reader:
        attempts = reader.attempts(Evaluator(TASK))
        assert next(attempts).key == "0/sample/-/0/0"
        archive.record(request(1), 1, INPUTS, RECORDS)
        assert reader.counts()["requests"] == 2
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            reader._connection.execute("DELETE FROM request")


def test_reopening_goes_on(tmp_path: Path) -> None:
    for step in range(2):
        with ArchiveWriter(tmp_path / "new" / "archive.sqlite") as writer:
            writer.record(request(step), 1, INPUTS, RECORDS)
    with Archive(tmp_path / "new") as reader:
        assert reader.counts()["completions"] == 6


def test_files_of_another_kind_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ArchiveError, match="no archive at"):
        Archive(tmp_path)
    (tmp_path / "text").write_text("no database, but long enough to have a header" * 10)
    with pytest.raises(ArchiveError, match="not a database"):
        Archive(tmp_path / "text")
    other = sqlite3.connect(tmp_path / "other")
    other.execute("CREATE TABLE t (a)")
    other.close()
    with pytest.raises(ArchiveError, match="not an archive of soar"):
        Archive(tmp_path / "other")
    with ArchiveWriter(tmp_path / "archive.sqlite") as writer:
        writer._connection.execute("PRAGMA user_version = 99")
    with pytest.raises(ArchiveError, match="schema version 99"):
        ArchiveWriter(tmp_path / "archive.sqlite")


@pytest.fixture(params=[1, 2, 3, 4, 5])
def older(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """The folder of an archive that a soar of an earlier schema version wrote."""
    connection = sqlite3.connect(tmp_path / "archive.sqlite")
    of_tables = 3 if request.param == 4 else request.param  # 4 changed no table: a request may lack completions
    connection.executescript((Path(__file__).parent / "archives" / f"version-{of_tables}.sql").read_text())
    connection.execute(f"PRAGMA user_version = {request.param}")
    connection.close()
    return tmp_path


def test_an_archive_of_an_older_soar_is_read_and_brought_up_to_date(older: Path) -> None:
    with Archive(older) as reader:
        before, counts = list(reader.attempts(Evaluator(TASK))), reader.counts()
        assert reader.cost() is None
    assert [one.key for one in before] == [f"0/sample/-/0/{i}" for i in range(3)] + ["0/refine/2/0/0"]
    with ArchiveWriter(older) as writer:
        assert list(writer.attempts(Evaluator(TASK))) == before and writer.counts() == counts
        writer.decide(0, 1, {TASK.content_hash: Grant(2, 4)})
        first, second = writer.decisions(0, samples=24)
        assert second == {TASK.content_hash: Grant(2, 4)}
        assert first in ({}, {TASK.content_hash: Grant(24, 8)})  # version 1 knew no decisions, others no samples
        writer.record(request(9), 1, INPUTS, RECORDS, cost=0.5)
        assert writer.cost() == 0.5
        assert writer._connection.execute("PRAGMA user_version").fetchone() == (SCHEMA_VERSION,)
    with ArchiveWriter(older / "new.sqlite") as new:
        new_schema = _columns(new)
    with ArchiveWriter(older) as migrated:
        assert _columns(migrated) == new_schema


def _columns(archive: Archive) -> set[tuple[object, ...]]:
    """Name, type and constraints of every column of every table."""
    query = "SELECT m.name, c.* FROM sqlite_master m, pragma_table_info(m.name) c WHERE m.type = 'table'"
    return set(archive._connection.execute(query).fetchall())


def test_the_operator_of_an_older_archive_is_known(older: Path) -> None:
    with Archive(older) as reader:
        before = [(one.phase, one.operator) for one in reader.attempts(Evaluator(TASK))]
    assert set(before) == {("sample", "sample"), ("refine", "refine")}
    with ArchiveWriter(older / "new.sqlite") as new:
        new.absorb(older / "archive.sqlite")
        assert [(one.phase, one.operator) for one in new.attempts(Evaluator(TASK))] == before


def test_tokens_are_kept_as_they_were(archive: ArchiveWriter) -> None:
    ids, logprobs = (5, 70_000, 0), (-0.5, -1.25, -7.0)
    kept = Record(Completion("reply", 3, "stop", -8.75, ids, logprobs), Program("a"), None, RIGHT)
    archive.record(request(), 1, INPUTS, [kept, RECORDS[1]])
    first, second = archive.attempts(Evaluator(TASK))
    assert (first.token_ids, first.token_logprobs) == (ids, logprobs)
    assert second.token_ids is second.token_logprobs is None


def test_an_older_archive_can_be_merged(older: Path) -> None:
    with ArchiveWriter(older / "new.sqlite") as new:
        new.decide(0, 1, {"another": Grant(2, 4)})
        new.record(request(9), 1, INPUTS, RECORDS, cost=0.5)
        new.absorb(older / "archive.sqlite")
        assert new.counts()["completions"] == 7 and new.cost() == 0.5
        first, second = new.decisions(0, samples=24)
        assert second == {"another": Grant(2, 4)} and first in ({}, {TASK.content_hash: Grant(24, 8)})


def test_costs_are_summed_by_task_and_round(archive: ArchiveWriter) -> None:
    archive.record(request(), 1, INPUTS, RECORDS)
    assert archive.cost() is None
    archive.record(request(1), 1, INPUTS, RECORDS, cost=0.25)
    archive.record(request(2, iteration=1), 1, INPUTS, RECORDS, cost=0.5)
    assert archive.cost() == 0.75 and archive.cost(iteration=0) == 0.25
    assert archive.cost(TASK.content_hash, 1) == 0.5 and archive.cost("another") is None


def test_an_attempt_is_found_by_its_key(archive: ArchiveWriter) -> None:
    archive.record(request(), 1, INPUTS, RECORDS)
    found = archive.find(Evaluator(TASK), "0/sample/-/0/2")
    assert found.program == Program("b") and found.key == "0/sample/-/0/2"
    with pytest.raises(KeyError):
        archive.find(Evaluator(TASK), "0/sample/-/0/3")


READS = """
import sys, time
from pathlib import Path
from soar import Archive
path, seen = Path(sys.argv[1]), 0
print("ready", flush=True)
while not (path.parent / "over").exists():
    for one in path.parent.glob("*.sqlite"):
        Archive(one).close()
        seen += 1
print(seen)
"""


def test_a_reader_in_the_first_moment_finds_a_whole_archive(tmp_path: Path) -> None:
    reader = subprocess.Popen(
        [sys.executable, "-c", READS, str(tmp_path / "0.sqlite")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert reader.stdout is not None and reader.stdout.readline() == "ready\n"
    for number in range(60):
        ArchiveWriter(tmp_path / f"{number}.sqlite").close()
    (tmp_path / "over").touch()
    printed, errors = reader.communicate(timeout=60)
    assert reader.returncode == 0 and int(printed) > 0, errors
    assert not list(tmp_path.glob("*.new"))
