-- The catalogue. Times are seconds since 1970 (UTC), digests are 32 bytes, administrations are ISO 3166-1 alpha-2.

-- One row a record, own and partners'. seq is the order of arrival here and means nothing elsewhere.
-- The wide columns come last: a listing then reads the head of a row and never its signed bytes.
CREATE TABLE records (
    seq            INTEGER PRIMARY KEY AUTOINCREMENT,
    id             BLOB    NOT NULL UNIQUE,
    kind           TEXT    NOT NULL,
    inspection     TEXT    NOT NULL,
    administration TEXT    NOT NULL,
    made           INTEGER NOT NULL,
    received       INTEGER NOT NULL,
    own            INTEGER NOT NULL,
    log_index      INTEGER,
    withdrawn      INTEGER NOT NULL DEFAULT 0,
    container      TEXT,
    goods          TEXT,
    entry          BLOB    NOT NULL,
    native_sha256  BLOB,
    wrapped_key    BLOB,
    signed         BLOB    NOT NULL
);
-- Every list is read newest first along one of these, so its time does not grow with the table.
CREATE INDEX records_kind ON records (kind, seq);
CREATE INDEX records_inspection ON records (inspection, seq);
CREATE INDEX records_administration ON records (administration, kind, seq);
CREATE INDEX records_maker ON records (administration, seq);
CREATE UNIQUE INDEX records_log ON records (log_index) WHERE log_index IS NOT NULL;
-- One native file is imported once.
CREATE UNIQUE INDEX records_native ON records (native_sha256) WHERE own = 1 AND native_sha256 IS NOT NULL;

CREATE TABLE openings (
    record     BLOB NOT NULL REFERENCES records (id),
    commitment BLOB NOT NULL,
    sealed     BLOB NOT NULL,
    PRIMARY KEY (record, commitment)
) WITHOUT ROWID;

CREATE TABLE payloads (
    record BLOB    NOT NULL REFERENCES records (id),
    idx    INTEGER NOT NULL,
    role   TEXT    NOT NULL,
    media  TEXT    NOT NULL,
    size   INTEGER NOT NULL,
    root   BLOB    NOT NULL,
    sha256 BLOB    NOT NULL,
    -- absent: not here, and we may fetch it; withheld: not here, and its handling keeps it at its maker's.
    state  TEXT    NOT NULL CHECK (state IN ('inline', 'stored', 'absent', 'withheld')),
    sealed BLOB,
    hashes BLOB,
    PRIMARY KEY (record, idx),
    CHECK ((state = 'inline') = (sealed IS NOT NULL)),
    CHECK ((state = 'stored') = (hashes IS NOT NULL))
);
CREATE INDEX payloads_absent ON payloads (record, idx) WHERE state = 'absent';
CREATE INDEX payloads_sha256 ON payloads (sha256);

-- A parent need not be held here.
CREATE TABLE parents (
    child  BLOB NOT NULL REFERENCES records (id),
    parent BLOB NOT NULL,
    role   TEXT NOT NULL,
    PRIMARY KEY (child, parent, role)
) WITHOUT ROWID;
CREATE INDEX parents_parent ON parents (parent);

-- Roots of the complete subtrees of the own log; the leaves are level 0. They never change.
CREATE TABLE log_nodes (
    level INTEGER NOT NULL,
    idx   INTEGER NOT NULL,
    hash  BLOB    NOT NULL,
    PRIMARY KEY (level, idx)
) WITHOUT ROWID;

CREATE TABLE checkpoints (
    size INTEGER PRIMARY KEY,
    note BLOB NOT NULL
);

-- The proofs that came with partners' records.
CREATE TABLE proofs (
    record BLOB PRIMARY KEY NOT NULL REFERENCES records (id),
    proof  BLOB NOT NULL
) WITHOUT ROWID;

CREATE TABLE partners (
    administration TEXT PRIMARY KEY NOT NULL,
    name           TEXT    NOT NULL,
    root           BLOB    NOT NULL,
    fingerprint    BLOB    NOT NULL,
    endpoints      TEXT    NOT NULL,
    added          INTEGER NOT NULL
);

CREATE TABLE partner_crls (
    partner TEXT NOT NULL REFERENCES partners (administration) ON DELETE CASCADE,
    digest  BLOB NOT NULL,
    der     BLOB NOT NULL,
    PRIMARY KEY (partner, digest)
);

CREATE TABLE partner_log_keys (
    partner TEXT    NOT NULL REFERENCES partners (administration) ON DELETE CASCADE,
    digest  BLOB    NOT NULL,
    origin  TEXT    NOT NULL,
    log_key BLOB    NOT NULL,
    seen    INTEGER NOT NULL,
    PRIMARY KEY (partner, digest)
);

-- What a partner may fetch, in order; seq runs from 1 without gaps for each. A partner may be named before it is known.
CREATE TABLE release_feed (
    partner   TEXT    NOT NULL,
    seq       INTEGER NOT NULL,
    record    BLOB    NOT NULL REFERENCES records (id),
    withdrawn INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (partner, seq)
) WITHOUT ROWID;
CREATE UNIQUE INDEX release_feed_live ON release_feed (record, partner) WHERE withdrawn = 0;

-- How far we have taken each partner's feed.
CREATE TABLE feed_cursors (
    partner TEXT PRIMARY KEY NOT NULL,
    seq     INTEGER NOT NULL
);

CREATE TABLE refusals (
    partner TEXT    NOT NULL,
    code    TEXT    NOT NULL,
    hour    INTEGER NOT NULL,
    count   INTEGER NOT NULL,
    PRIMARY KEY (partner, code, hour)
);
CREATE INDEX refusals_hour ON refusals (hour);

-- Two signed forms of one id: both are kept, the first in records.
CREATE TABLE equivocations (
    id           BLOB    NOT NULL,
    first_entry  BLOB    NOT NULL,
    second_entry BLOB    NOT NULL,
    second       BLOB    NOT NULL,
    sender       TEXT    NOT NULL,
    seen         INTEGER NOT NULL,
    PRIMARY KEY (id, second_entry)
);

-- Payloads that are on their way: what a staging file is for.
CREATE TABLE intents (
    staging TEXT PRIMARY KEY NOT NULL,
    record  BLOB    NOT NULL,
    idx     INTEGER NOT NULL,
    size    INTEGER NOT NULL,
    root    BLOB    NOT NULL,
    partner TEXT,
    created INTEGER NOT NULL
);
CREATE INDEX intents_record ON intents (record, idx);

-- Derived from verified release and withdrawal records, in the transaction that takes them. They may come before their subject.
CREATE TABLE releases (
    release   BLOB PRIMARY KEY NOT NULL REFERENCES records (id),
    record    BLOB    NOT NULL,
    maker     TEXT    NOT NULL,
    recipient TEXT    NOT NULL,
    payloads  BLOB    NOT NULL,
    withdrawn INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX releases_record ON releases (record, recipient);

CREATE TABLE withdrawals (
    withdrawal BLOB PRIMARY KEY NOT NULL REFERENCES records (id),
    record     BLOB NOT NULL,
    maker      TEXT NOT NULL,
    recipient  TEXT
);
CREATE INDEX withdrawals_record ON withdrawals (record);

-- Kept by the writer, so that status asks nothing of the large tables.
CREATE TABLE counts (
    name TEXT PRIMARY KEY NOT NULL,
    n    INTEGER NOT NULL
);
