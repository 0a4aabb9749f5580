"""The one writer of an archive: a whole reply, or nothing, per transaction."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import sqlite3
import time
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from functools import lru_cache
from pathlib import Path
from typing import IO

from soar.archive.merge import ConflictError, absorb
from soar.archive.packing import FLOATS, INTEGERS, packed
from soar.archive.reader import Archive, ArchiveError, clear_errors
from soar.archive.records import Grant, Record, Request
from soar.archive.schema import APPLICATION_ID, MIGRATIONS, SCHEMA, SCHEMA_VERSION
from soar.core.files import remove, whole
from soar.core.incidents import record_incident
from soar.programs.program import Program
from soar.sandbox.encoding import Value, encode
from soar.sandbox.outcome import Outcome


class ArchiveLockedError(ArchiveError):
    """Another process writes to the archive; the message names it."""


class ArchiveWriter(Archive):
    """An archive opened for writing; made where there is none.

    Raises:
        ArchiveError: as `Archive`, or another process (named in the message) writes to it.
    """

    def __init__(self, path: str | Path) -> None:
        path = Path(path)
        self.path = (path / "archive.sqlite" if path.is_dir() else path).absolute()
        self._value = lru_cache(maxsize=4096)(self._read_value)
        with ExitStack() as stack:  # closes everything again where a step fails
            self._lock = stack.enter_context(_lock(self.path))
            if not self.path.exists() or self.path.stat().st_size == 0:
                _create(self.path)
            self._connection = self._connect(f"{self.path.as_uri()}?mode=rwc")
            stack.callback(self._connection.close)
            with clear_errors(self.path):
                self._connection.execute("PRAGMA journal_mode = WAL")
                self._connection.execute("PRAGMA synchronous = NORMAL")
            self._check_version()
            self._migrate()
            stack.pop_all()

    def _migrate(self) -> None:
        """Bring an archive that an older soar made to the present version, step by step, each whole or not at all."""
        with clear_errors(self.path):
            (version,) = self._connection.execute("PRAGMA user_version").fetchone()
            for old in range(version, SCHEMA_VERSION):
                self._connection.executescript(f"BEGIN; {MIGRATIONS[old]} PRAGMA user_version = {old + 1}; COMMIT;")
            self._take_columns(SCHEMA_VERSION)

    def record(
        self,
        request: Request,
        prompt_tokens: int,
        inputs: Sequence[bytes],
        records: Sequence[Record],
        cost: float | None = None,
        positions: Sequence[int] | None = None,
    ) -> None:
        """Write completions of a request with everything that belongs to them, or nothing.

        Args:
            request: other completions of it may be recorded already.
            prompt_tokens: read for these completions.
            inputs: hashes of the inputs that the programs were run on, in the order of `Record.outcomes`.
            records: the completions; without outcomes where a program has not run yet, see `record_outcomes`.
            cost: of these completions, in US dollars; None where that is unknown.
            positions: of the completions in the request; None: in order, from 0.

        Raises:
            ArchiveError: it cannot be written, as when the disk is full.
        """
        with self._transaction():
            request_id = self._request_id(request, prompt_tokens, cost)
            for position, record in zip(positions or range(len(records)), records, strict=True):
                program_id = None if record.program is None else self._insert_program(record.program)
                reply = record.completion
                self._connection.execute(
                    "INSERT INTO completion "
                    "(request_id, position, reply, tokens, finish_reason, logprob, program_id, parse_error, "
                    "token_ids, token_logprobs) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    (request_id, position, reply.text, reply.tokens, reply.finish_reason, reply.logprob, program_id,
                     record.parse_error, packed(reply.token_ids, INTEGERS), packed(reply.token_logprobs, FLOATS)),
                )  # fmt: skip
                if program_id is not None and record.outcomes:
                    self._insert_outcomes(program_id, dict(zip(inputs, record.outcomes, strict=True)))

    def record_outcomes(self, inputs: Sequence[bytes], did: Mapping[Program, Sequence[Outcome]]) -> None:
        """Write what recorded programs did on inputs with these hashes; what is known stays. Raises ArchiveError."""
        with self._transaction():
            for program, outcomes in did.items():
                self._insert_outcomes(self._insert_program(program), dict(zip(inputs, outcomes, strict=True)))

    def decisions(self, iteration: int, samples: int = 0) -> list[dict[str, Grant]]:
        """Return for each round of a budget the further completions of each task, by content hash.

        Args:
            iteration: of the loop.
            samples: of each task in round 0, where an archive older than schema 6 does not say.
        """
        query = "SELECT round, task_hash, samples, refinements FROM decision WHERE iteration = ? ORDER BY round"
        rounds: list[dict[str, Grant]] = []
        for number, task_hash, sampled, refinements in self._connection.execute(query, (iteration,)):
            rounds += [{} for _ in range(number + 1 - len(rounds))]
            if sampled is None:
                sampled = 0 if number else samples
            rounds[number][task_hash] = Grant(sampled, refinements)
        return rounds

    def decide(self, iteration: int, number: int, decision: Mapping[str, Grant]) -> None:
        """Record a round's decision, once and for all. Raises ArchiveError."""
        rows = [(iteration, number, task, one.samples, one.refinements) for task, one in decision.items()]
        query = "INSERT INTO decision (iteration, round, task_hash, samples, refinements) VALUES (?, ?, ?, ?, ?)"
        with self._transaction():
            self._connection.executemany(query, rows)

    def absorb(self, path: Path) -> None:
        """Take in everything that another archive holds, or nothing; what is known already is kept once.

        Where both have searched one content under two ids and got different answers, those here are kept, and an event
        says so.

        Raises:
            ArchiveError: both hold the same request with different contents, or it cannot be read or written.
        """
        with clear_errors(self.path):
            self._connection.execute("ATTACH ? AS other", (f"{path.absolute().as_uri()}?mode=ro",))
        try:
            with self._transaction():
                twins = absorb(self._connection)
        except ConflictError as conflict:
            raise ArchiveError(
                f"{path} and {self.path} hold different answers to {conflict}: "
                "they are not parts of one search. Give each machine tasks of its own"
            ) from None
        finally:
            with clear_errors(self.path):
                self._connection.execute("DETACH other")
        for kept, left_out in twins:
            record_incident(
                "attempts left out", f"task {left_out} of {path} is the same as {kept}, whose own attempts are kept"
            )

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with clear_errors(self.path):
            self._connection.execute("BEGIN IMMEDIATE")
            with self._connection:  # commits; rolls back where anything is raised
                yield

    def _request_id(self, request: Request, prompt_tokens: int, cost: float | None) -> int:
        """Insert a request, or add to one that is there what these completions of it have read and cost."""
        query = "SELECT id FROM request WHERE task_hash = ? AND key = ?"
        known = self._connection.execute(query, (request.task_hash, request.key)).fetchone()
        if known is None:
            return self._insert_request(request, prompt_tokens, cost)
        self._connection.execute(
            "UPDATE request SET prompt_tokens = prompt_tokens + ?1, cost = COALESCE(cost + ?2, cost, ?2) WHERE id = ?3",
            (prompt_tokens, cost, known[0]),
        )
        return int(known[0])

    def _insert_request(self, request: Request, prompt_tokens: int, cost: float | None) -> int:
        values = dataclasses.asdict(request) | {
            "key": request.key,
            "parents": json.dumps(request.parents),
            "few_shot": json.dumps(request.few_shot),
            "prompt_tokens": prompt_tokens,
            "created": time.time(),
            "cost": cost,
        }
        names = ", ".join(values)
        marks = ", ".join(f":{name}" for name in values)
        return self._connection.execute(f"INSERT INTO request ({names}) VALUES ({marks})", values).lastrowid or 0

    def _insert_program(self, program: Program) -> int:
        query = "INSERT OR IGNORE INTO program (hash, source) VALUES (?, ?)"
        self._connection.execute(query, (program.hash, program.source))
        (program_id,) = self._connection.execute("SELECT id FROM program WHERE hash = ?", (program.hash,)).fetchone()
        return int(program_id)

    def _insert_outcomes(self, program_id: int, outcomes: dict[bytes, Outcome]) -> None:
        """Insert what a program did on inputs on which it was not run before; what is known stays."""
        known = self._connection.execute("SELECT input_hash FROM outcome WHERE program_id = ?", (program_id,))
        for (key,) in known.fetchall():
            outcomes.pop(key, None)
        for key, outcome in outcomes.items():
            blob_id = self._insert_value(outcome.value) if outcome.status == "ok" else None
            error = json.dumps(dataclasses.astuple(outcome.error)) if outcome.error else None
            self._connection.execute(
                "INSERT INTO outcome (program_id, input_hash, status, error, seconds, blob_id) "
                "VALUES (?, ?, ?, ?, ?, ?)",
                (program_id, key, outcome.status, error, outcome.seconds, blob_id),
            )

    def _insert_value(self, value: Value) -> int:
        data = encode(value)
        key = hashlib.blake2b(data, digest_size=16).digest()
        known = self._connection.execute("SELECT id FROM blob WHERE hash = ?", (key,)).fetchone()
        if known:
            return int(known[0])
        query = "INSERT INTO blob (hash, data) VALUES (?, ?)"
        return self._connection.execute(query, (key, zlib.compress(data))).lastrowid or 0

    def close(self) -> None:
        """Close the file and let another writer in. Idempotent."""
        super().close()
        self._lock.close()


def _create(path: Path) -> None:
    """Make an archive without attempts. It appears whole: whoever reads it in its first moment finds the tables."""
    with clear_errors(path), whole(path) as draft:
        for ending in ("-wal", "-shm", "-journal"):  # of one that was deleted: SQLite would apply them to this one
            remove(Path(f"{path}{ending}"))
        with closing(sqlite3.connect(draft, isolation_level=None)) as connection:
            header = f"PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {SCHEMA_VERSION};"
            connection.executescript(f"BEGIN; {header} {SCHEMA} COMMIT;")


def _lock(path: Path) -> IO[str]:
    """Hold the archive's lock file, which the system releases when this process ends, however it ends."""
    import fcntl  # POSIX only; reading an archive needs no lock

    path.parent.mkdir(parents=True, exist_ok=True)
    file = open(f"{path}.lock", "a+")  # noqa: SIM115 - held until the writer is closed
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.seek(0)
        owner = file.read().strip() or "unknown"
        file.close()
        raise ArchiveLockedError(
            f"{path} is being written to by another search (process {owner}): "
            "wait until it ends, or use another run folder"
        ) from None
    file.truncate(0)
    file.write(str(os.getpid()))
    file.flush()
    return file
