"""One archive's rows into another, in SQL: ids are given anew, contents that are known are kept once."""

from __future__ import annotations

import sqlite3

from soar.archive.schema import OPERATOR

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
    f"""INSERT INTO main.request ({{request}}) SELECT {{their_request}} FROM other.request theirs
        WHERE {_NO_TWIN} AND NOT EXISTS (
        SELECT 1 FROM main.request ours WHERE ours.task_hash = theirs.task_hash AND ours.key = theirs.key)""",
    f"INSERT INTO shared SELECT theirs.id, ours.id FROM {_SHARED} WHERE {_NO_TWIN}",
    # One has gone on where the other was killed: what both read and paid is counted once.
    """UPDATE main.request AS ours SET prompt_tokens = MAX(ours.prompt_tokens, more.prompt_tokens),
        cost = COALESCE(MAX(ours.cost, more.cost), ours.cost, more.cost)
        FROM (SELECT ours id, prompt_tokens, {their_cost} cost FROM shared JOIN other.request ON id = theirs) more
        WHERE more.id = ours.id""",
    "INSERT OR IGNORE INTO main.program (hash, source) SELECT hash, source FROM other.program",
    "INSERT OR IGNORE INTO main.blob (hash, data) SELECT hash, data FROM other.blob",
    """INSERT INTO main.completion (request_id, program_id, {completion})
        SELECT ours, ours_program.id, {their_completion}
        FROM shared JOIN other.completion ON request_id = theirs
        LEFT JOIN other.program their_program ON their_program.id = program_id
        LEFT JOIN main.program ours_program ON ours_program.hash = their_program.hash
        WHERE NOT EXISTS (SELECT 1 FROM main.completion known
            WHERE known.request_id = ours AND known.position = other.completion.position)""",
    """INSERT OR IGNORE INTO main.outcome (program_id, blob_id, {outcome})
        SELECT ours_program.id, ours_blob.id, {their_outcome}
        FROM other.outcome JOIN other.program their_program ON their_program.id = program_id
        JOIN main.program ours_program ON ours_program.hash = their_program.hash
        LEFT JOIN other.blob their_blob ON their_blob.id = blob_id
        LEFT JOIN main.blob ours_blob ON ours_blob.hash = their_blob.hash""",
    "DROP TABLE shared",
)
LACKING = {"operator": OPERATOR}  # what stands for a column that an older archive lacks; NULL for any other
# Not in the first schema version.
DECISIONS = "INSERT OR IGNORE INTO main.decision ({decision}) SELECT {their_decision} FROM other.decision"


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
    names = _columns(connection)
    for step in STEPS:
        connection.execute(step.format(**names))
    if connection.execute("SELECT 1 FROM other.sqlite_master WHERE name = 'decision'").fetchone():
        connection.execute(DECISIONS.format(**names))
    connection.execute("DROP TABLE twin")
    return twins


def _columns(connection: sqlite3.Connection) -> dict[str, str]:
    """Return the columns to take of each table, but for the ids, which are given anew: what the schema has, all of it.

    For a column that an older archive lacks see `LACKING`.
    """
    names = {}
    for table in ("request", "completion", "outcome", "decision"):
        ours, theirs = (
            [name for _, name, *_ in connection.execute(f"PRAGMA {database}.table_info({table})")]
            for database in ("main", "other")
        )
        taken = [name for name in ours if name not in ("id", "request_id", "program_id", "blob_id")]
        names[table] = ", ".join(taken)
        names[f"their_{table}"] = ", ".join(
            f"other.{table}.{name}" if name in theirs else LACKING.get(name, "NULL") for name in taken
        )
        if table == "request":
            names["their_request"] = names["their_request"].replace("other.request.", "theirs.")
            names["their_cost"] = "cost" if "cost" in theirs else "NULL"
    return names
