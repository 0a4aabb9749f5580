"""The tables of an archive. A change of them is a new version, with a migration from the last."""

from __future__ import annotations

SCHEMA_VERSION = 6
DECISION = """
CREATE TABLE decision (            -- how a budget was divided: further completions of a task in a round
    iteration INTEGER NOT NULL,
    round INTEGER NOT NULL,
    task_hash TEXT NOT NULL,
    refinements INTEGER NOT NULL,
    PRIMARY KEY (iteration, round, task_hash)
) WITHOUT ROWID;
"""
# NULL: decided before 6, when every task got all its samples in round 0.
SAMPLES = "ALTER TABLE decision ADD COLUMN samples INTEGER;"
SCHEMA = (
    """
CREATE TABLE request (             -- one prompt's n completions; fewer while some are still to come
    id INTEGER PRIMARY KEY,
    task_hash TEXT NOT NULL,       -- content of the task, test outputs left out
    key TEXT NOT NULL,             -- iteration/phase/island/step
    task_id TEXT NOT NULL,
    iteration INTEGER NOT NULL,
    phase TEXT NOT NULL,           -- sample, refine
    island INTEGER,                -- NULL when sampled
    step INTEGER NOT NULL,
    parents TEXT NOT NULL,         -- JSON list of attempt keys
    n INTEGER NOT NULL,
    seed INTEGER NOT NULL,
    prompt_hash TEXT NOT NULL,
    prompt_tokens INTEGER NOT NULL, -- read for it, in all calls
    few_shot TEXT NOT NULL,        -- JSON list of the solved tasks shown before
    model TEXT NOT NULL,
    adapter TEXT,
    prompt_set TEXT NOT NULL,      -- name:hash
    created REAL NOT NULL,         -- seconds since 1970
    cost REAL,                     -- US dollars; NULL where the model did not say
    operator TEXT NOT NULL DEFAULT '', -- what made it: sample, refine, crossover, ...
    UNIQUE (task_hash, key)
);
CREATE TABLE program (
    id INTEGER PRIMARY KEY,
    hash TEXT NOT NULL UNIQUE,
    source TEXT NOT NULL
);
CREATE TABLE completion (
    id INTEGER PRIMARY KEY,
    request_id INTEGER NOT NULL REFERENCES request (id),
    position INTEGER NOT NULL,     -- place in the request
    reply TEXT NOT NULL,           -- as the model wrote it
    tokens INTEGER NOT NULL,
    finish_reason TEXT NOT NULL,
    logprob REAL,
    program_id INTEGER REFERENCES program (id),
    parse_error TEXT,              -- why there is no program
    token_ids BLOB,                -- zlib over 32-bit integers, little-endian; NULL where they were not asked for
    token_logprobs BLOB,           -- zlib over 32-bit floats, one per token
    UNIQUE (request_id, position),
    CHECK ((program_id IS NULL) = (parse_error IS NOT NULL))
);
CREATE TABLE blob (                -- output values, each stored once
    id INTEGER PRIMARY KEY,
    hash BLOB NOT NULL UNIQUE,
    data BLOB NOT NULL             -- zlib over canonical JSON
);
CREATE TABLE outcome (
    program_id INTEGER NOT NULL REFERENCES program (id),
    input_hash BLOB NOT NULL,
    status TEXT NOT NULL,
    error TEXT,                    -- JSON list: type, message, line
    seconds REAL NOT NULL,
    blob_id INTEGER REFERENCES blob (id),
    PRIMARY KEY (program_id, input_hash)
) WITHOUT ROWID;
"""
    + DECISION
    + SAMPLES
)
COST = "ALTER TABLE request ADD COLUMN cost REAL;"
# From 4 on a request may lack completions and a program outcomes: only a soar that asks for the rest may go on with it.
PARTS = ""
# With two parents it was a crossover. A column added later has to have a default.
OPERATOR = """CASE WHEN parents = '[]' THEN 'sample'
    WHEN json_array_length(parents) > 1 THEN 'crossover' ELSE 'refine' END"""
OPERATORS = f"""
ALTER TABLE request ADD COLUMN operator TEXT NOT NULL DEFAULT '';
UPDATE request SET operator = {OPERATOR};
ALTER TABLE completion ADD COLUMN token_ids BLOB;
ALTER TABLE completion ADD COLUMN token_logprobs BLOB;
"""
# Version -> what makes the next one of it; readers can do without.
MIGRATIONS = {1: DECISION, 2: COST, 3: PARTS, 4: OPERATORS, 5: SAMPLES}
APPLICATION_ID = 0x534F4152  # "SOAR", in the file's header
