-- The history: operations and transitions in one row of numbers without gaps, each chained to the
-- one before it by its hash. It only grows.
CREATE TABLE history (
    seq   INTEGER PRIMARY KEY,
    time  INTEGER NOT NULL,                 -- ms since 1970
    kind  TEXT NOT NULL CHECK (kind IN ('operation', 'transition')),
    alarm INTEGER,                          -- NULL for an operation on several
    body  TEXT NOT NULL,                    -- JSON
    hash  BLOB NOT NULL CHECK (length(hash) = 32)
) STRICT;
CREATE INDEX history_alarm ON history (alarm, seq) WHERE alarm IS NOT NULL;
CREATE INDEX history_time ON history (time);
CREATE INDEX history_operation ON history (seq) WHERE kind = 'operation';
CREATE TRIGGER history_is_not_changed BEFORE UPDATE ON history
BEGIN SELECT RAISE(ABORT, 'the history is append-only'); END;
CREATE TRIGGER history_is_not_cut BEFORE DELETE ON history
BEGIN SELECT RAISE(ABORT, 'the history is append-only'); END;

-- The alarms of comments on several: an index, made of the bodies. Other operations on several are
-- found by the transitions that they led to; a row for each of 100,000 alarms would be dear.
CREATE TABLE target (
    alarm INTEGER NOT NULL,
    seq   INTEGER NOT NULL,
    PRIMARY KEY (alarm, seq)
) STRICT, WITHOUT ROWID;

-- The end of the history, so that rows cut off there are missed, too; and what readers poll.
CREATE TABLE tail (
    one      INTEGER PRIMARY KEY CHECK (one = 1),
    seq      INTEGER NOT NULL,              -- number of the last row
    hash     BLOB NOT NULL,                 -- its hash
    applied  INTEGER NOT NULL,              -- last operation that is in the state of the alarms
    revision INTEGER NOT NULL               -- grows with each change of an alarm
) STRICT;
INSERT INTO tail VALUES (1, 0, zeroblob(32), 0, 0);

-- The state of every alarm now: one per rule and place, for ever.
CREATE TABLE alarm (
    id       INTEGER PRIMARY KEY,
    rule     TEXT NOT NULL,
    place    TEXT NOT NULL,
    state    TEXT NOT NULL,
    priority INTEGER NOT NULL,
    body     TEXT NOT NULL,                 -- JSON
    UNIQUE (rule, place)
) STRICT;
CREATE INDEX alarm_stands ON alarm (id) WHERE state <> 'normal';

-- Which console writes the transitions.
CREATE TABLE lease (
    one    INTEGER PRIMARY KEY CHECK (one = 1),
    token  TEXT NOT NULL,                   -- of one process
    name   TEXT NOT NULL,                   -- for people
    pid    INTEGER NOT NULL,
    kernel TEXT NOT NULL,                   -- boot and process namespace that the pid belongs to
    until  INTEGER NOT NULL                 -- ms since 1970
) STRICT;
