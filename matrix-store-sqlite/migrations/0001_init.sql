-- Times are milliseconds since the Unix epoch. Ids of Matrix and of the host are text,
-- JSON from outside is bytes. AUTOINCREMENT wherever an id must never come back.

-- Whether an engine works on the file, or the last one ended without closing it.
CREATE TABLE engine (
    is_running INTEGER NOT NULL
) STRICT;

INSERT INTO engine (is_running) VALUES (0);

CREATE TABLE source (
    source     TEXT PRIMARY KEY,
    position   TEXT,
    generation INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Many marks in one row: 16 bytes of digest and 4 of age each, in the order of time.
CREATE TABLE mark_segment (
    seq      INTEGER PRIMARY KEY,
    first_at INTEGER NOT NULL,
    last_at  INTEGER NOT NULL,
    marks    BLOB NOT NULL
) STRICT;

CREATE TABLE room (
    account      TEXT NOT NULL,
    room         TEXT NOT NULL,
    membership   TEXT NOT NULL,
    since        INTEGER NOT NULL,
    encrypted    INTEGER NOT NULL,
    successor    TEXT,
    last_seen    TEXT,
    last_seen_at INTEGER,
    PRIMARY KEY (account, room)
) STRICT, WITHOUT ROWID;

CREATE INDEX room_by_membership ON room (account, membership, room);
CREATE INDEX room_encrypted ON room (account) WHERE encrypted = 1;

CREATE TABLE inbox (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    account     TEXT NOT NULL,
    room        TEXT NOT NULL,
    event_id    TEXT NOT NULL,
    received    INTEGER NOT NULL,
    is_catch_up INTEGER NOT NULL,
    attempts    INTEGER NOT NULL,
    due         INTEGER NOT NULL,
    raw         BLOB NOT NULL
) STRICT;

CREATE INDEX inbox_by_room ON inbox (account, room);

CREATE TABLE parked_event (
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    account  TEXT NOT NULL,
    room     TEXT NOT NULL,
    event_id TEXT,
    code     TEXT NOT NULL,
    detail   TEXT NOT NULL,
    at       INTEGER NOT NULL,
    raw      BLOB NOT NULL
) STRICT;

CREATE INDEX parked_event_by_account ON parked_event (account);

CREATE TABLE value (
    namespace TEXT NOT NULL,
    key       TEXT NOT NULL,
    value     BLOB NOT NULL,
    PRIMARY KEY (namespace, key)
) STRICT;

-- The row stays when the lease is let go, so that its fence only ever grows.
CREATE TABLE lease (
    name   TEXT PRIMARY KEY,
    fence  INTEGER NOT NULL,
    holder TEXT,
    until  INTEGER
) STRICT, WITHOUT ROWID;

-- state: 0 waiting or claimed, 1 parked, 2 shadow, 3 sent.
CREATE TABLE outbox (
    id             INTEGER PRIMARY KEY AUTOINCREMENT,
    state          INTEGER NOT NULL,
    token          INTEGER,
    due            INTEGER NOT NULL,
    attempts       INTEGER NOT NULL DEFAULT 0,
    first_attempt  INTEGER,
    is_first_claim INTEGER NOT NULL DEFAULT 0,
    created        INTEGER NOT NULL,
    settled        INTEGER,
    event_id       TEXT,
    park_code      TEXT,
    park_detail    TEXT,
    class          TEXT NOT NULL,
    sender         TEXT NOT NULL,
    device         TEXT,
    transaction_id TEXT NOT NULL,
    lane           TEXT NOT NULL,
    key            TEXT NOT NULL UNIQUE,
    body           BLOB NOT NULL
) STRICT;

CREATE INDEX outbox_line ON outbox (lane) WHERE state = 0;
CREATE INDEX outbox_claimed ON outbox (token) WHERE token IS NOT NULL;
CREATE INDEX outbox_oldest ON outbox (created) WHERE state = 0;
CREATE INDEX outbox_by_state ON outbox (state);
CREATE INDEX outbox_settled ON outbox (state, settled) WHERE settled IS NOT NULL;

-- One row per lane that has waiting rows: its first row, and when it can be claimed.
CREATE TABLE lane (
    lane   TEXT PRIMARY KEY,
    head   INTEGER NOT NULL,
    ready  INTEGER NOT NULL,
    sender TEXT NOT NULL,
    class  TEXT NOT NULL,
    token  INTEGER,
    until  INTEGER
) STRICT, WITHOUT ROWID;

CREATE INDEX lane_ready ON lane (ready, head, sender, class);

-- How many rows are in each state; kept by triggers, so that no statement forgets it.
CREATE TABLE outbox_count (
    state INTEGER PRIMARY KEY,
    rows  INTEGER NOT NULL
) STRICT;

INSERT INTO outbox_count (state, rows) VALUES (0, 0), (1, 0), (2, 0), (3, 0);

CREATE TRIGGER outbox_added AFTER INSERT ON outbox BEGIN
    UPDATE outbox_count SET rows = rows + 1 WHERE state = NEW.state;
END;

CREATE TRIGGER outbox_moved AFTER UPDATE OF state ON outbox WHEN OLD.state <> NEW.state BEGIN
    UPDATE outbox_count SET rows = rows - 1 WHERE state = OLD.state;
    UPDATE outbox_count SET rows = rows + 1 WHERE state = NEW.state;
END;

CREATE TRIGGER outbox_removed AFTER DELETE ON outbox BEGIN
    UPDATE outbox_count SET rows = rows - 1 WHERE state = OLD.state;
END;

CREATE TABLE sequence (
    name  TEXT PRIMARY KEY,
    value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

INSERT INTO sequence (name, value) VALUES ('claim', 0);

CREATE TABLE outcome (
    cursor   INTEGER PRIMARY KEY AUTOINCREMENT,
    at       INTEGER NOT NULL,
    event_id TEXT,
    code     TEXT,
    detail   TEXT,
    key      TEXT NOT NULL
) STRICT;

CREATE INDEX outcome_by_time ON outcome (at);

CREATE TABLE link (
    namespace TEXT NOT NULL,
    id        TEXT NOT NULL,
    part      INTEGER NOT NULL,
    kind      TEXT NOT NULL,
    event     TEXT NOT NULL UNIQUE,
    PRIMARY KEY (namespace, id, part, kind)
) STRICT;
