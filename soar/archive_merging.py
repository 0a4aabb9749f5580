"""One archive's rows into another, in SQL: ids are given anew, contents that are known are kept once."""

from __future__ import annotations

import sqlite3

_REQUEST = """task_hash, key, task_id, iteration, phase, island, step, parents, n, seed, prompt_hash, prompt_tokens,
    few_shot, model, adapter, prompt_set, created"""

# The same place in both, with another question or another answer.
CONFLICTS = """
SELECT ours.task_id, ours.key FROM other.request theirs JOIN main.request ours USING (task_hash, key)
WHERE ours.n <> theirs.n OR ours.seed <> theirs.seed OR ours.prompt_hash <> theirs.prompt_hash
    OR ours.model <> theirs.model OR ours.adapter IS NOT theirs.adapter OR EXISTS (
        SELECT 1 FROM main.completion a JOIN other.completion b USING (position)
        WHERE a.request_id = ours.id AND b.request_id = theirs.id AND a.reply <> b.reply)
LIMIT 1"""

STEPS = (
    "CREATE TEMP TABLE new_request (theirs INTEGER PRIMARY KEY, ours INTEGER)",
    f"""INSERT INTO main.request ({_REQUEST}, cost) SELECT {_REQUEST}, {{cost}} FROM other.request theirs
        WHERE NOT EXISTS (
        SELECT 1 FROM main.request ours WHERE ours.task_hash = theirs.task_hash AND ours.key = theirs.key)""",
    """INSERT INTO new_request SELECT theirs.id, ours.id FROM other.request theirs
        JOIN main.request ours USING (task_hash, key)
        WHERE NOT EXISTS (SELECT 1 FROM main.completion WHERE request_id = ours.id)""",
    "INSERT OR IGNORE INTO main.program (hash, source) SELECT hash, source FROM other.program",
    "INSERT OR IGNORE INTO main.blob (hash, data) SELECT hash, data FROM other.blob",
    """INSERT INTO main.completion
        (request_id, position, reply, tokens, finish_reason, logprob, program_id, parse_error)
        SELECT ours, position, reply, tokens, finish_reason, logprob, ours_program.id, parse_error
        FROM new_request JOIN other.completion ON request_id = theirs
        LEFT JOIN other.program their_program ON their_program.id = program_id
        LEFT JOIN main.program ours_program ON ours_program.hash = their_program.hash""",
    """INSERT OR IGNORE INTO main.outcome (program_id, input_hash, status, error, seconds, blob_id)
        SELECT ours_program.id, input_hash, status, error, seconds, ours_blob.id
        FROM other.outcome JOIN other.program their_program ON their_program.id = program_id
        JOIN main.program ours_program ON ours_program.hash = their_program.hash
        LEFT JOIN other.blob their_blob ON their_blob.id = blob_id
        LEFT JOIN main.blob ours_blob ON ours_blob.hash = their_blob.hash""",
    "DROP TABLE new_request",
)
DECISIONS = "INSERT OR IGNORE INTO main.decision SELECT * FROM other.decision"  # not in the first schema version


def absorb(connection: sqlite3.Connection) -> tuple[str, str] | None:
    """Take in what the attached database `other` holds; inside a transaction of the caller's.

    Returns task id and key of a request that both hold with different contents, before anything is written; else None.
    """
    conflict: tuple[str, str] | None = connection.execute(CONFLICTS).fetchone()
    if conflict is not None:
        return conflict
    (version,) = connection.execute("PRAGMA other.user_version").fetchone()
    for step in STEPS:
        connection.execute(step.format(cost="cost" if version >= 3 else "NULL"))
    if version >= 2:
        connection.execute(DECISIONS)
    return None
