-- The inbox holds gaps too, and what fills them stands before what came after them.
-- Entries of a room stand in the order of `place`, then of `id`: new ones are put at
-- place 0, and each fill of a gap moves the gap and what it puts behind it one place
-- down. A gap has no event; it is kept as its JSON.
CREATE TABLE inbox_2 (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    account     TEXT NOT NULL,
    room        TEXT NOT NULL,
    place       INTEGER NOT NULL DEFAULT 0,
    event_id    TEXT,
    received    INTEGER NOT NULL,
    sent        INTEGER NOT NULL,
    is_catch_up INTEGER NOT NULL,
    attempts    INTEGER NOT NULL,
    due         INTEGER NOT NULL,
    raw         BLOB,
    gap         BLOB,
    CHECK ((event_id IS NULL) = (raw IS NULL) AND (raw IS NULL) = (gap IS NOT NULL))
) STRICT;

INSERT INTO inbox_2
    (id, account, room, event_id, received, sent, is_catch_up, attempts, due, raw)
SELECT id, account, room, event_id, received, received, is_catch_up, attempts, due, raw FROM inbox;

-- No id comes back, also when the newest entry was removed before this step.
DELETE FROM sqlite_sequence WHERE name = 'inbox_2';
INSERT INTO sqlite_sequence (name, seq)
SELECT 'inbox_2', seq FROM sqlite_sequence WHERE name = 'inbox';

DROP TABLE inbox;
ALTER TABLE inbox_2 RENAME TO inbox;

CREATE INDEX inbox_by_room ON inbox (account, room, place);

-- Whether the lane waits for a person while the row is parked.
ALTER TABLE outbox ADD COLUMN blocks INTEGER NOT NULL DEFAULT 0;

UPDATE outbox SET blocks = 1
WHERE state IN (0, 1) AND json_extract(CAST(body AS TEXT), '$.order') = 'Block';

-- From now on also parked rows have the time of their state.
UPDATE outbox SET settled = created WHERE state = 1;

UPDATE outbox SET settled = latest.at
FROM (SELECT key, max(at) AS at FROM outcome WHERE code IS NOT NULL GROUP BY key) AS latest
WHERE outbox.state = 1 AND outbox.key = latest.key;

CREATE INDEX outbox_parked ON outbox (park_code, created) WHERE state = 1;
CREATE INDEX outbox_blocking ON outbox (lane) WHERE state = 1 AND blocks = 1;
CREATE INDEX outbox_parked_age ON outbox (settled) WHERE state = 1 AND blocks = 0;

-- How many rows are parked, by reason; kept as `outbox_count` is.
CREATE TABLE parked_count (
    code   TEXT NOT NULL,
    blocks INTEGER NOT NULL,
    rows   INTEGER NOT NULL,
    PRIMARY KEY (code, blocks)
) STRICT, WITHOUT ROWID;

INSERT INTO parked_count (code, blocks, rows)
SELECT park_code, blocks, count(*) FROM outbox WHERE state = 1 GROUP BY park_code, blocks;

CREATE TRIGGER parked_added AFTER INSERT ON outbox WHEN NEW.state = 1 BEGIN
    INSERT INTO parked_count (code, blocks, rows) VALUES (NEW.park_code, NEW.blocks, 1)
    ON CONFLICT (code, blocks) DO UPDATE SET rows = rows + 1;
END;

CREATE TRIGGER parked_moved_in AFTER UPDATE OF state ON outbox
WHEN OLD.state <> 1 AND NEW.state = 1 BEGIN
    INSERT INTO parked_count (code, blocks, rows) VALUES (NEW.park_code, NEW.blocks, 1)
    ON CONFLICT (code, blocks) DO UPDATE SET rows = rows + 1;
END;

CREATE TRIGGER parked_moved_out AFTER UPDATE OF state ON outbox
WHEN OLD.state = 1 AND NEW.state <> 1 BEGIN
    UPDATE parked_count SET rows = rows - 1
    WHERE code = OLD.park_code AND blocks = OLD.blocks;
END;

CREATE TRIGGER parked_removed AFTER DELETE ON outbox WHEN OLD.state = 1 BEGIN
    UPDATE parked_count SET rows = rows - 1
    WHERE code = OLD.park_code AND blocks = OLD.blocks;
END;

-- Records that are pruned by count are counted too.
CREATE TABLE record_count (
    name TEXT PRIMARY KEY,
    rows INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

INSERT INTO record_count (name, rows)
VALUES ('outcome', (SELECT count(*) FROM outcome)),
       ('parked_event', (SELECT count(*) FROM parked_event));

CREATE TRIGGER outcome_added AFTER INSERT ON outcome BEGIN
    UPDATE record_count SET rows = rows + 1 WHERE name = 'outcome';
END;

CREATE TRIGGER outcome_removed AFTER DELETE ON outcome BEGIN
    UPDATE record_count SET rows = rows - 1 WHERE name = 'outcome';
END;

CREATE TRIGGER parked_event_added AFTER INSERT ON parked_event BEGIN
    UPDATE record_count SET rows = rows + 1 WHERE name = 'parked_event';
END;

CREATE TRIGGER parked_event_removed AFTER DELETE ON parked_event BEGIN
    UPDATE record_count SET rows = rows - 1 WHERE name = 'parked_event';
END;

-- One row per lane that has waiting rows: its first row, when the last claim on it was
-- settled, and when it can be claimed; null while a parked row before blocks it.
CREATE TABLE lane_2 (
    lane   TEXT PRIMARY KEY,
    head   INTEGER NOT NULL,
    ready  INTEGER,
    freed  INTEGER,
    sender TEXT NOT NULL,
    class  TEXT NOT NULL,
    token  INTEGER,
    until  INTEGER
) STRICT, WITHOUT ROWID;

INSERT INTO lane_2 (lane, head, ready, sender, class, token, until)
SELECT lane, head,
    CASE WHEN EXISTS (
        SELECT 1 FROM outbox
        WHERE outbox.lane = lane.lane AND state = 1 AND blocks = 1 AND outbox.id < head
    ) THEN NULL ELSE ready END,
    sender, class, token, until FROM lane;

DROP TABLE lane;
ALTER TABLE lane_2 RENAME TO lane;

CREATE INDEX lane_ready ON lane (ready, head, sender, class) WHERE ready IS NOT NULL;
