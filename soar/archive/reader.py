"""Every attempt ever made, on disk: an append-only SQLite file that a killed search goes on from.

One writer (`soar.archive.writer.ArchiveWriter`), any number of readers at the same time. Whether a program is right on
a test input is never stored; accuracies are computed while reading.
"""

from __future__ import annotations

import json
import sqlite3
import zlib
from collections.abc import Collection, Iterator
from contextlib import ExitStack, contextmanager
from functools import lru_cache
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

from soar.archive.packing import FLOATS, INTEGERS, unpacked
from soar.archive.records import Evaluator, Record, Request, hashes, task_inputs
from soar.archive.schema import APPLICATION_ID, OPERATOR, SCHEMA_VERSION
from soar.core.errors import SoarError, expect_path
from soar.models.base import Completion
from soar.programs.program import Attempt, Program
from soar.sandbox.encoding import Value, decode
from soar.sandbox.outcome import Outcome, ProgramError

_REQUEST = """task_hash, task_id, iteration, phase, island, step, parents, n, seed, prompt_hash, few_shot, model,
    adapter, prompt_set, operator"""


class ArchiveError(SoarError):
    """The archive cannot be opened, read or written; the message says what to do."""


class Archive:
    """A search's archive, opened for reading; also while a search writes to it.

    Args:
        path: the SQLite file, or the run folder that holds `archive.sqlite`.

    Raises:
        ArchiveError: there is no archive, it is no archive of soar's, or a newer soar made it.
    """

    def __init__(self, path: str | Path) -> None:
        path = expect_path(path, "an archive")
        self.path = (path / "archive.sqlite" if path.is_dir() else path).absolute()
        if not self.path.exists():
            raise ArchiveError(f"no archive at {self.path}: give a run folder in which a search has begun")
        self._value = lru_cache(maxsize=4096)(self._read_value)
        with ExitStack() as stack:  # closes everything again where a step fails
            self._connection = self._connect(f"{self.path.as_uri()}?mode=ro")
            stack.callback(self._connection.close)
            self._check_version()
            stack.pop_all()

    def _connect(self, uri: str) -> sqlite3.Connection:
        with clear_errors(self.path):
            return sqlite3.connect(uri, uri=True, timeout=30, isolation_level=None, check_same_thread=False)

    def _check_version(self) -> None:
        with clear_errors(self.path):  # the first reading: a file of another kind shows now
            (version,) = self._connection.execute("PRAGMA user_version").fetchone()
            (application,) = self._connection.execute("PRAGMA application_id").fetchone()
        if application != APPLICATION_ID:
            raise ArchiveError(f"{self.path} is an SQLite file, but not an archive of soar's")
        if not 1 <= version <= SCHEMA_VERSION:
            raise ArchiveError(
                f"{self.path} has schema version {version}, this soar reads up to {SCHEMA_VERSION}: "
                "use the soar that made it, or a newer one"
            )
        self._take_columns(version)

    def _take_columns(self, version: int) -> None:
        """Know what an archive of this version has: a reader takes an older one as it is."""
        self._operator = "operator" if version >= 5 else OPERATOR
        self._request_columns = _REQUEST.replace("operator", self._operator)
        self._details = "token_ids, token_logprobs" if version >= 5 else "NULL, NULL"

    def attempts(self, evaluator: Evaluator, iteration: int | None = None) -> Iterator[Attempt]:
        """Yield the attempts at a task in the order of their keys, one request in memory after another.

        Args:
            evaluator: of the task, which is found by its content; scores and broken rules are computed against it, test
                outputs left out. `SearchConfig.evaluator` makes the one of a run.
            iteration: only attempts of this round; None: of all.
        """
        return (attempt for _, attempt in self.numbered_attempts(evaluator, iteration))

    def numbered_attempts(self, evaluator: Evaluator, iteration: int | None = None) -> Iterator[tuple[int, Attempt]]:
        """Yield `attempts` with the number under which `attempt` finds each again."""
        rows = self._connection.execute(
            "SELECT id, key FROM request WHERE task_hash = ? AND (? IS NULL OR iteration = ?) "
            "ORDER BY iteration, phase DESC, island, step",
            (evaluator.task.content_hash, iteration, iteration),
        ).fetchall()
        for request_id, _ in rows:
            yield from self._read(evaluator, "request.id = ?", request_id)

    def attempt(self, evaluator: Evaluator, number: int) -> Attempt:
        """Return one attempt by its number."""
        ((_, attempt),) = self._read(evaluator, "completion.id = ?", number)
        return attempt

    def begun(self, task_hash: str, iteration: int) -> dict[str, int]:
        """Return key and n of every request for a task in one round of which a completion is recorded."""
        query = "SELECT key, n FROM request WHERE task_hash = ? AND iteration = ?"
        return dict(self._connection.execute(query, (task_hash, iteration)).fetchall())

    def replay(self, evaluator: Evaluator, key: str) -> list[Attempt]:
        """Return the attempts that are recorded of one request for the evaluator's task, in order."""
        place = (evaluator.task.content_hash, key)
        return [attempt for _, attempt in self._read(evaluator, "task_hash = ? AND key = ?", place)]

    def pending(self, evaluator: Evaluator, key: str) -> dict[int, Record]:
        """Return the completions of one request whose programs have not run yet, by position: a kill came first."""
        place = (evaluator.task.content_hash, key)
        rows = self._rows(evaluator, "task_hash = ? AND key = ?", place)
        return {row.position: row.record for row in rows if not row.ran}

    def origin(self, task_hash: str, key: str) -> tuple[str, tuple[str, ...]]:
        """Return the operator that made a recorded request, and the keys of the attempts that it shows."""
        query = f"SELECT {self._operator}, parents FROM request WHERE task_hash = ? AND key = ?"
        operator, parents = self._connection.execute(query, (task_hash, key)).fetchone()
        return operator, tuple(json.loads(parents))

    def find(self, evaluator: Evaluator, key: str) -> Attempt:
        """Return the attempt with this key at the evaluator's task. Raises KeyError where there is none."""
        request, _, position = key.rpartition("/")
        place = (evaluator.task.content_hash, request, int(position))
        for _, attempt in self._read(evaluator, "task_hash = ? AND key = ? AND position = ?", place):
            return attempt
        raise KeyError(key)

    def outcomes(self, program: Program, inputs: Collection[bytes]) -> tuple[Outcome, ...] | None:
        """Return what a program did on inputs with these hashes, in order; None unless all are known."""
        query = "SELECT id FROM program WHERE hash = ?"
        row = self._connection.execute(query, (program.hash,)).fetchone()
        found = self._outcomes(row[0]) if row else {}
        return tuple(found[key] for key in inputs) if all(key in found for key in inputs) else None

    def requests(self, task_hash: str, iteration: int | None = None) -> list[tuple[Request, float]]:
        """Return the requests for a task in the order of their keys, each with when it was first answered.

        Times are in seconds since 1970. One round, or with None all.
        """
        rows = self._connection.execute(
            f"SELECT {self._request_columns}, created FROM request "
            "WHERE task_hash = ? AND (? IS NULL OR iteration = ?) ORDER BY iteration, phase DESC, island, step",
            (task_hash, iteration, iteration),
        )
        return [(_request(fields), created) for *fields, created in rows]

    def prompt_sets(self, task_hash: str) -> dict[int, str]:
        """Return the prompt set, "name:hash", that a task was shown with in each round."""
        query = "SELECT DISTINCT iteration, prompt_set FROM request WHERE task_hash = ?"
        return dict(self._connection.execute(query, (task_hash,)).fetchall())

    def tasks(self) -> dict[str, str]:
        """Return content hash and id of every task that has attempts."""
        return dict(self._connection.execute("SELECT DISTINCT task_hash, task_id FROM request").fetchall())

    def counts(self, task_hash: str | None = None, iteration: int | None = None) -> dict[str, int]:
        """Return numbers of requests, completions, parse failures, distinct programs, tokens of replies and prompts.

        For one task and round, or with None for all.
        """
        where = "WHERE (?1 IS NULL OR task_hash = ?1) AND (?2 IS NULL OR iteration = ?2)"
        of_requests = f"SELECT COUNT(*), COALESCE(SUM(prompt_tokens), 0) FROM request {where}"
        of_completions = f"""SELECT COUNT(*), COUNT(parse_error), COUNT(DISTINCT program_id), COALESCE(SUM(tokens), 0)
            FROM request JOIN completion ON request_id = request.id {where}"""
        values = (task_hash, iteration)
        requests, prompt_tokens = self._connection.execute(of_requests, values).fetchone()
        completions, failures, programs, tokens = self._connection.execute(of_completions, values).fetchone()
        return {
            "requests": requests,
            "completions": completions,
            "parse_failures": failures,
            "programs": programs,
            "tokens": tokens,
            "prompt_tokens": prompt_tokens,
        }

    def cut(self, task_hash: str | None = None, iteration: int | None = None) -> tuple[int, int]:
        """Return how many replies were cut at the longest length, and the tokens of the longest; None: of all."""
        query = """SELECT COUNT(*), COALESCE(MAX(tokens), 0) FROM request JOIN completion ON request_id = request.id
            WHERE finish_reason = 'length' AND (?1 IS NULL OR task_hash = ?1)
            AND (?2 IS NULL OR iteration = ?2)"""
        count, longest = self._connection.execute(query, (task_hash, iteration)).fetchone()
        return count, longest

    def cost(self, task_hash: str | None = None, iteration: int | None = None) -> float | None:
        """Return what the requests cost in US dollars, as far as their models said; None where none did.

        For one task and round, or with None for all.
        """
        (version,) = self._connection.execute("PRAGMA user_version").fetchone()
        if version < 3:  # a reader takes an older archive as it is: that one knows no costs
            return None
        query = "SELECT SUM(cost) FROM request WHERE (?1 IS NULL OR task_hash = ?1) AND (?2 IS NULL OR iteration = ?2)"
        cost: float | None = self._connection.execute(query, (task_hash, iteration)).fetchone()[0]
        return cost

    def _read(self, evaluator: Evaluator, where: str, values: Any) -> Iterator[tuple[int, Attempt]]:
        """Yield number and attempt of each completion that is one already: without a program, or with one that ran."""
        for row in self._rows(evaluator, where, values):
            if row.ran:
                yield row.number, evaluator.attempt(row.request, row.position, row.record)

    def _rows(self, evaluator: Evaluator, where: str, values: Any) -> Iterator[_Row]:
        inputs = hashes(task_inputs(evaluator.task))
        rows = self._connection.execute(
            f"""SELECT completion.id, position, reply, tokens, finish_reason, logprob, {self._details}, program_id,
                source, parse_error, {self._request_columns}
            FROM request JOIN completion ON request_id = request.id LEFT JOIN program ON program.id = program_id
            WHERE {where} ORDER BY position""",
            values if isinstance(values, tuple) else (values,),
        )
        for (
            number,
            position,
            reply,
            tokens,
            reason,
            logprob,
            ids,
            logprobs,
            program_id,
            source,
            parse_error,
            *fields,
        ) in rows.fetchall():
            known = {} if program_id is None else self._outcomes(program_id)
            ran = program_id is None or all(key in known for key in inputs)
            outcomes = tuple(known[key] for key in inputs) if known and ran else ()
            program = None if source is None else Program(source)
            details = unpacked(ids, INTEGERS), unpacked(logprobs, FLOATS)
            completion = Completion(reply, tokens, reason, logprob, *details)
            record = Record(completion, program, parse_error, outcomes)
            yield _Row(number, position, _request(fields), record, ran)

    def _outcomes(self, program_id: int) -> dict[bytes, Outcome]:
        query = "SELECT input_hash, status, error, seconds, blob_id FROM outcome WHERE program_id = ?"
        return {
            key: Outcome(
                status,
                None if blob_id is None else self._value(blob_id),
                None if error is None else ProgramError(*json.loads(error)),
                seconds,
            )
            for key, status, error, seconds, blob_id in self._connection.execute(query, (program_id,))
        }

    def _read_value(self, blob_id: int) -> Value:
        (data,) = self._connection.execute("SELECT data FROM blob WHERE id = ?", (blob_id,)).fetchone()
        return decode(zlib.decompress(data))

    def close(self) -> None:
        """Close the file. Idempotent."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class _Row(NamedTuple):
    """A completion; `ran`: nothing of it is still to be done."""

    number: int
    position: int
    request: Request
    record: Record
    ran: bool


def _request(fields: list[Any]) -> Request:
    values = dict(zip((name.strip() for name in _REQUEST.split(",")), fields, strict=True))
    values["parents"] = tuple(json.loads(values["parents"]))
    values["few_shot"] = tuple(json.loads(values["few_shot"]))
    return Request(**values)


@contextmanager
def clear_errors(path: Path) -> Iterator[None]:
    """Raise ArchiveError, with a remedy, for what SQLite complains about."""
    try:
        yield
    except sqlite3.Error as error:
        full = getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL
        remedy = (
            "free some space and start the same command again" if full else "check the file, its folder and its disk"
        )
        raise ArchiveError(f"{path}: {error}; {remedy}. What was recorded before is kept.") from error
