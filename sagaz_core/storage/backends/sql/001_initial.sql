-- One row a saga, brought up to date by every append.
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
    head         INTEGER NOT NULL,
    keyframe     INTEGER NOT NULL,
    expires      INTEGER,
    wrapped_key  BLOB,
    mac          BLOB
) STRICT;

CREATE INDEX saga_by_update ON saga (updated, id);
CREATE INDEX saga_by_status ON saga (status, updated, id);
CREATE INDEX saga_by_name ON saga (name, updated, id);
CREATE INDEX saga_by_root ON saga (root);
CREATE INDEX saga_by_expiry ON saga (expires) WHERE expires IS NOT NULL;

-- A root and its replays: who may act, and which replay succeeded.
CREATE TABLE family (
    root         TEXT PRIMARY KEY,
    fence        INTEGER NOT NULL,
    owner        TEXT NOT NULL,
    holder       TEXT NOT NULL,
    acquired     INTEGER NOT NULL,
    alive_until  INTEGER,
    recovered_by TEXT
) STRICT, WITHOUT ROWID;

-- One row a checkpoint; meta and body are the codec's.
CREATE TABLE entry (
    saga        INTEGER NOT NULL,
    seq         INTEGER NOT NULL,
    keyframe    INTEGER NOT NULL,
    at          INTEGER NOT NULL,
    kind        TEXT NOT NULL,
    step        TEXT,
    snapshot_id TEXT NOT NULL UNIQUE,
    hidden      INTEGER NOT NULL DEFAULT 0,
    meta        BLOB NOT NULL,
    body        BLOB NOT NULL,
    mac         BLOB,
    PRIMARY KEY (saga, seq)
) STRICT, WITHOUT ROWID;

CREATE INDEX entry_by_time ON entry (saga, at, seq);

-- The top-level keys that each checkpoint changed, and the step that caused it.
CREATE TABLE touch (
    saga INTEGER NOT NULL,
    key  TEXT NOT NULL,
    seq  INTEGER NOT NULL,
    step TEXT,
    PRIMARY KEY (saga, key, seq)
) STRICT, WITHOUT ROWID;

CREATE INDEX touch_by_seq ON touch (saga, seq);

CREATE TABLE tag (
    name  TEXT NOT NULL,
    value TEXT NOT NULL,
    saga  INTEGER NOT NULL,
    PRIMARY KEY (name, value, saga)
) STRICT, WITHOUT ROWID;

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
) STRICT, WITHOUT ROWID;

CREATE INDEX record_by_time ON record (kind, at);
CREATE INDEX record_by_saga ON record (saga);
