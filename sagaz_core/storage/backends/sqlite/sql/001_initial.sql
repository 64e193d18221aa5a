-- One row a saga, brought up to date by every append. Times are microseconds since 1970, UTC.
CREATE TABLE saga (
    pk           INTEGER PRIMARY KEY,
    id           TEXT NOT NULL UNIQUE,
    root         TEXT NOT NULL,
    parent       TEXT,
    parent_seq   INTEGER,
    name         TEXT NOT NULL,
    code         TEXT NOT NULL,
    status       TEXT NOT NULL,
    compensation TEXT NOT NULL,
    step         TEXT,
    error        TEXT,
    error_group  TEXT,
    started      INTEGER NOT NULL,
    updated      INTEGER NOT NULL,
    ended        INTEGER,  -- updated, once it has completed or failed
    head         INTEGER NOT NULL,
    keyframe     INTEGER NOT NULL,
    expires      INTEGER,
    ids          BLOB,  -- what the ids of its snapshots share, each of them being that and seq
    wrapped_key  BLOB,
    mac          BLOB
);

-- A saga that goes on changes with every append, and is in no index that an append would have
-- to change; there are few of them. The others are found by what they are, newest first.
CREATE INDEX saga_going ON saga (id) WHERE ended IS NULL;
CREATE INDEX saga_by_status ON saga (status, ended, id) WHERE ended IS NOT NULL;
CREATE INDEX saga_by_name ON saga (name, status, ended, id) WHERE ended IS NOT NULL;
CREATE INDEX saga_by_error ON saga (error_group, status, ended, id) WHERE ended IS NOT NULL;
CREATE INDEX saga_by_expiry ON saga (expires) WHERE ended IS NOT NULL;
CREATE INDEX saga_by_root ON saga (root);
CREATE UNIQUE INDEX saga_by_ids ON saga (ids) WHERE ids IS NOT NULL;
CREATE INDEX saga_replay ON saga (root) WHERE parent IS NOT NULL;

-- A root and its replays: who may act, and which replay succeeded.
CREATE TABLE family (
    root         TEXT PRIMARY KEY,
    fence        INTEGER NOT NULL,
    owner        TEXT NOT NULL,
    holder       TEXT NOT NULL,
    acquired     INTEGER NOT NULL,
    alive_until  INTEGER,
    recovered_by TEXT
) WITHOUT ROWID;

CREATE INDEX family_recovered ON family (root) WHERE recovered_by IS NOT NULL;

-- One row a checkpoint; meta and body are the codec's. The table is in order of time, so that
-- sagas that run at once write to the same page; the index puts each saga's together.
CREATE TABLE entry (
    saga        INTEGER NOT NULL,
    seq         INTEGER NOT NULL,
    keyframe    INTEGER NOT NULL,
    at          INTEGER NOT NULL,
    kind        INTEGER NOT NULL,  -- its place among the kinds
    step        TEXT,
    snapshot_id,  -- NULL where it is the saga's ids and seq; 16 bytes of a UUID, else text
    hidden      INTEGER NOT NULL DEFAULT 0,
    meta        BLOB NOT NULL,
    body        BLOB NOT NULL,
    mac         BLOB
);

CREATE UNIQUE INDEX entry_by_seq ON entry (saga, seq);
CREATE UNIQUE INDEX entry_by_id ON entry (snapshot_id) WHERE snapshot_id IS NOT NULL;

-- The top-level keys that each checkpoint changed, and the step that caused it.
CREATE TABLE touch (
    saga INTEGER NOT NULL,
    key  TEXT NOT NULL,
    seq  INTEGER NOT NULL,
    step TEXT,
    PRIMARY KEY (saga, key, seq)
) WITHOUT ROWID;

CREATE TABLE tag (
    name  TEXT NOT NULL,
    value TEXT NOT NULL,
    saga  INTEGER NOT NULL,
    PRIMARY KEY (name, value, saga)
) WITHOUT ROWID;

CREATE INDEX tag_by_saga ON tag (saga);

-- Replay log, journals, audit: documents with a version.
CREATE TABLE record (
    kind    TEXT NOT NULL,
    id      TEXT NOT NULL,
    version INTEGER NOT NULL,
    saga    TEXT,
    at      INTEGER NOT NULL,
    expires INTEGER,
    body    BLOB NOT NULL,
    PRIMARY KEY (kind, id)
) WITHOUT ROWID;

CREATE INDEX record_by_time ON record (kind, at);
CREATE INDEX record_by_saga ON record (saga);
