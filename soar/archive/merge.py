"""One archive's rows into another, in SQL: ids are given anew, contents that are known are kept once."""

from __future__ import annotations

import sqlite3

_REQUEST = """task_hash, key, task_id, iteration, phase, island, step, parents, n, seed, prompt_hash, prompt_tokens,
    few_shot, model, adapter, prompt_set, created"""

# The same place in both, with another question or another answer.
_DIFFERENT = """(ours.n <> theirs.n OR ours.seed <> theirs.seed OR ours.prompt_hash <> theirs.prompt_hash
    OR ours.model <> theirs.model OR ours.adapter IS NOT theirs.adapter OR EXISTS (
        SELECT 1 FROM main.completion a JOIN other.completion b USING (position)
        WHERE a.request_id = ours.id AND b.request_id = theirs.id AND a.reply <> b.reply))"""
_SHARED = "other.request theirs JOIN main.request ours USING (task_hash, key)"
# Tasks of equal content that two machines had under two ids: both have asked, and the answers differ. Ours are kept.
TWINS = f"""CREATE TEMP TABLE twin AS
    SELECT DISTINCT task_hash, ours.iteration, ours.task_id kept, theirs.task_id left_out
    FROM {_SHARED} WHERE ours.task_id <> theirs.task_id AND {_DIFFERENT}"""
_NO_TWIN = "(task_hash, theirs.iteration) NOT IN (SELECT task_hash, iteration FROM twin)"
CONFLICTS = f"SELECT ours.task_id, key FROM {_SHARED} WHERE {_NO_TWIN} AND {_DIFFERENT} LIMIT 1"

STEPS = (
    "CREATE TEMP TABLE shared (theirs INTEGER PRIMARY KEY, ours INTEGER)",
    f"""INSERT INTO main.request ({_REQUEST}, cost) SELECT {_REQUEST}, {{cost}} FROM other.request theirs
        WHERE {_NO_TWIN} AND NOT EXISTS (
        SELECT 1 FROM main.request ours WHERE ours.task_hash = theirs.task_hash AND ours.key = theirs.key)""",
    f"INSERT INTO shared SELECT theirs.id, ours.id FROM {_SHARED} WHERE {_NO_TWIN}",
    # One has gone on where the other was killed: what both read and paid is counted once.
    """UPDATE main.request AS ours SET prompt_tokens = MAX(ours.prompt_tokens, more.prompt_tokens),
        cost = COALESCE(MAX(ours.cost, more.cost), ours.cost, more.cost)
        FROM (SELECT ours id, prompt_tokens, {cost} cost FROM shared JOIN other.request ON id = theirs) more
        WHERE more.id = ours.id""",
    "INSERT OR IGNORE INTO main.program (hash, source) SELECT hash, source FROM other.program",
    "INSERT OR IGNORE INTO main.blob (hash, data) SELECT hash, data FROM other.blob",
    """INSERT INTO main.completion
        (request_id, position, reply, tokens, finish_reason, logprob, program_id, parse_error)
        SELECT ours, position, reply, tokens, finish_reason, logprob, ours_program.id, parse_error
        FROM shared JOIN other.completion ON request_id = theirs
        LEFT JOIN other.program their_program ON their_program.id = program_id
        LEFT JOIN main.program ours_program ON ours_program.hash = their_program.hash
        WHERE NOT EXISTS (SELECT 1 FROM main.completion known
            WHERE known.request_id = ours AND known.position = other.completion.position)""",
    """INSERT OR IGNORE INTO main.outcome (program_id, input_hash, status, error, seconds, blob_id)
        SELECT ours_program.id, input_hash, status, error, seconds, ours_blob.id
        FROM other.outcome JOIN other.program their_program ON their_program.id = program_id
        JOIN main.program ours_program ON ours_program.hash = their_program.hash
        LEFT JOIN other.blob their_blob ON their_blob.id = blob_id
        LEFT JOIN main.blob ours_blob ON ours_blob.hash = their_blob.hash""",
    "DROP TABLE shared",
)
DECISIONS = "INSERT OR IGNORE INTO main.decision SELECT * FROM other.decision"  # not in the first schema version


class ConflictError(Exception):
    """Both hold the same request with different contents."""

    def __init__(self, task_id: str, key: str) -> None:
        super().__init__(f"request {key} of task {task_id}")


def absorb(connection: sqlite3.Connection) -> list[tuple[str, str]]:
    """Take in what the attached database `other` holds; inside a transaction of the caller's.

    Returns the ids of twins, (kept, left out): tasks of equal content that both have asked for with different answers.

    Raises:
        ConflictError: both hold a request for the same task with different contents; nothing should be kept then.
    """
    connection.execute(TWINS)
    twins = connection.execute("SELECT DISTINCT kept, left_out FROM twin").fetchall()
    conflict = connection.execute(CONFLICTS).fetchone()
    if conflict is not None:
        raise ConflictError(*conflict)
    (version,) = connection.execute("PRAGMA other.user_version").fetchone()
    for step in STEPS:
        connection.execute(step.format(cost="cost" if version >= 3 else "NULL"))
    if version >= 2:
        connection.execute(DECISIONS)
    connection.execute("DROP TABLE twin")
    return twins
