-- An archive as soar wrote it at schema version 5 (sqlite3 .dump).
PRAGMA application_id = 1397702994;
PRAGMA user_version = 5;
BEGIN TRANSACTION;
CREATE TABLE blob (                -- output values, each stored once
    id INTEGER PRIMARY KEY,
    hash BLOB NOT NULL UNIQUE,
    data BLOB NOT NULL             -- zlib over canonical JSON
);
INSERT INTO "blob" VALUES(1,X'0180CF7A64192FAE54451DDC70A607DF',X'789C8B8E36D031D3318BD58936D7B1D03101D326407E2C004F630621');
INSERT INTO "blob" VALUES(2,X'D855F7E7CBDD0AF1EF96B3355EA9E251',X'789C8B8E36D6B1D4318DD58936D131D2B100D2963A863A46B1B1004F78061C');
INSERT INTO "blob" VALUES(3,X'27E7BB81B469444C4E72DF6DC5DAEE34',X'789C8B8EB6D4B1D03189D58936D431D13102D2E63AA63A86B1B1004F88061A');
INSERT INTO "blob" VALUES(4,X'CDFF7CA18960F26A7BF45FF07886379D',X'789C8B8E36D531D4B188D589B6D431D53103D2E63A163AC6B1B1004FAB0625');
INSERT INTO "blob" VALUES(5,X'49C3B600F29972641B0621813907B032',X'789C8B8E36D4318A8D050007F80200');
CREATE TABLE completion (
    id INTEGER PRIMARY KEY,
    request_id INTEGER NOT NULL REFERENCES request (id),
    position INTEGER NOT NULL,     -- place in the request
    reply TEXT NOT NULL,           -- as the model wrote it
    tokens INTEGER NOT NULL,
    finish_reason TEXT NOT NULL,
    logprob REAL,
    program_id INTEGER REFERENCES program (id),
    parse_error TEXT, token_ids BLOB, token_logprobs BLOB,              -- why there is no program
    UNIQUE (request_id, position),
    CHECK ((program_id IS NULL) = (parse_error IS NOT NULL))
);
INSERT INTO "completion" VALUES(1,1,0,'reply a',5,'stop',-1.5,1,NULL,NULL,NULL);
INSERT INTO "completion" VALUES(2,1,1,'reply None',5,'stop',-1.5,NULL,'no code',NULL,NULL);
INSERT INTO "completion" VALUES(3,1,2,'reply b',5,'stop',-1.5,2,NULL,NULL,NULL);
INSERT INTO "completion" VALUES(4,2,0,'reply c',5,'stop',-1.5,3,NULL,NULL,NULL);
CREATE TABLE decision (            -- how a budget was divided: further refinements of a task in a round
    iteration INTEGER NOT NULL,
    round INTEGER NOT NULL,
    task_hash TEXT NOT NULL,
    refinements INTEGER NOT NULL,
    PRIMARY KEY (iteration, round, task_hash)
) WITHOUT ROWID;
INSERT INTO "decision" VALUES(0,0,'12c435b3a580d272197ecf7a2a790737',8);
CREATE TABLE outcome (
    program_id INTEGER NOT NULL REFERENCES program (id),
    input_hash BLOB NOT NULL,
    status TEXT NOT NULL,
    error TEXT,                    -- JSON list: type, message, line
    seconds REAL NOT NULL,
    blob_id INTEGER REFERENCES blob (id),
    PRIMARY KEY (program_id, input_hash)
) WITHOUT ROWID;
INSERT INTO "outcome" VALUES(1,X'453D1BAD6EE0408BE7BDA165AEDFE4F0','ok',NULL,0.5,1);
INSERT INTO "outcome" VALUES(1,X'66C5F1F7CB746A1E709F91D702F32356','ok',NULL,0.5,2);
INSERT INTO "outcome" VALUES(1,X'DA71C6625E40568D54D60B4BF55EF2DD','ok',NULL,0.5,4);
INSERT INTO "outcome" VALUES(1,X'E14F5CEB4931107ED09830B0D98461EF','ok',NULL,0.5,3);
INSERT INTO "outcome" VALUES(2,X'453D1BAD6EE0408BE7BDA165AEDFE4F0','ok',NULL,0.5,1);
INSERT INTO "outcome" VALUES(2,X'66C5F1F7CB746A1E709F91D702F32356','error','["KeyError", "''x'' \ud800", 3]',0.25,NULL);
INSERT INTO "outcome" VALUES(2,X'DA71C6625E40568D54D60B4BF55EF2DD','timeout',NULL,0.0,NULL);
INSERT INTO "outcome" VALUES(2,X'E14F5CEB4931107ED09830B0D98461EF','ok',NULL,0.0,5);
INSERT INTO "outcome" VALUES(3,X'453D1BAD6EE0408BE7BDA165AEDFE4F0','ok',NULL,0.5,1);
INSERT INTO "outcome" VALUES(3,X'66C5F1F7CB746A1E709F91D702F32356','ok',NULL,0.5,2);
INSERT INTO "outcome" VALUES(3,X'DA71C6625E40568D54D60B4BF55EF2DD','ok',NULL,0.5,4);
INSERT INTO "outcome" VALUES(3,X'E14F5CEB4931107ED09830B0D98461EF','ok',NULL,0.5,3);
CREATE TABLE program (
    id INTEGER PRIMARY KEY,
    hash TEXT NOT NULL UNIQUE,
    source TEXT NOT NULL
);
INSERT INTO "program" VALUES(1,'27c35e6e9373877f29e562464e46497e','a');
INSERT INTO "program" VALUES(2,'96172b4c53372cd10faddc821bfe0318','b');
INSERT INTO "program" VALUES(3,'caec17f4b8159d486ca352209a0fc2d5','c');
CREATE TABLE request (             -- one prompt's n completions, written when all of them have been run
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
    prompt_tokens INTEGER NOT NULL,
    few_shot TEXT NOT NULL,        -- JSON list of the solved tasks shown before
    model TEXT NOT NULL,
    adapter TEXT,
    prompt_set TEXT NOT NULL,      -- name:hash
    created REAL NOT NULL,         -- seconds since 1970
    cost REAL, operator TEXT NOT NULL DEFAULT '',                     -- US dollars; NULL where the model did not say
    UNIQUE (task_hash, key)
);
INSERT INTO "request" VALUES(1,'12c435b3a580d272197ecf7a2a790737','0/sample/-/0','task0',0,'sample',NULL,0,'[]',3,7,'p',40,'[]','m',NULL,'soar:1',1.79576238301241350179e+09,NULL,'sample');
INSERT INTO "request" VALUES(2,'12c435b3a580d272197ecf7a2a790737','0/refine/2/0','task0',0,'refine',2,0,'["0/sample/-/0/0"]',1,7,'p',50,'[]','m',NULL,'soar:1',1.79576238301378250119e+09,NULL,'refine');
COMMIT;
