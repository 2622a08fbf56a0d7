/**
 * The tables, one entry per version of the schema: entry n brings a database of version n to n + 1. Entries that were
 * ever released are not edited, only followed by new ones.
 *
 * - `seen` holds what tells an event from others: its source and id.
 * - `events` holds each body once. It goes when the last delivery or dead letter that refers to it goes (triggers).
 * - `queues` counts the waiting deliveries of each function, so that a full queue is seen without counting rows.
 * - ids of deliveries, dead letters and outbox entries are never used again (AUTOINCREMENT): an answer that comes late
 *   cannot end another delivery, and a reader that remembers its place misses nothing.
 * - `dead_letters.delivery_id` tells which delivery it was, for an attempt that was under way when it was dropped.
 */
export const migrations: readonly string[] = [
  `
  CREATE TABLE seen (
    id TEXT PRIMARY KEY,
    forget_ms INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX seen_by_time ON seen (forget_ms);

  CREATE TABLE events (
    key INTEGER PRIMARY KEY,
    id TEXT NOT NULL,
    source TEXT NOT NULL,
    type TEXT NOT NULL,
    time TEXT NOT NULL,
    topic TEXT NOT NULL,
    content_type TEXT NOT NULL,
    hops INTEGER NOT NULL,
    data BLOB NOT NULL
  ) STRICT;

  CREATE TABLE deliveries (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    function TEXT NOT NULL,
    event_key INTEGER NOT NULL REFERENCES events (key),
    attempts INTEGER NOT NULL,
    due_ms INTEGER NOT NULL,
    expires_ms INTEGER NOT NULL,
    order_key TEXT,
    callback_url TEXT,
    request TEXT,
    last_status INTEGER,
    last_reason TEXT
  ) STRICT;
  CREATE INDEX deliveries_by_function ON deliveries (function, id);
  CREATE INDEX deliveries_by_event ON deliveries (event_key);

  CREATE TABLE dead_letters (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    delivery_id INTEGER,
    function TEXT NOT NULL,
    event_key INTEGER NOT NULL REFERENCES events (key),
    attempts INTEGER NOT NULL,
    status INTEGER,
    reason TEXT NOT NULL,
    died_ms INTEGER NOT NULL,
    order_key TEXT,
    callback_url TEXT,
    request TEXT
  ) STRICT;
  CREATE INDEX dead_letters_by_function ON dead_letters (function, id);
  CREATE INDEX dead_letters_by_event ON dead_letters (event_key);
  CREATE INDEX dead_letters_by_delivery ON dead_letters (delivery_id);

  CREATE TABLE queues (
    function TEXT PRIMARY KEY,
    waiting INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;

  CREATE TRIGGER delivery_added AFTER INSERT ON deliveries BEGIN
    INSERT INTO queues (function, waiting) VALUES (new.function, 1)
      ON CONFLICT (function) DO UPDATE SET waiting = waiting + 1;
  END;
  CREATE TRIGGER delivery_removed AFTER DELETE ON deliveries BEGIN
    UPDATE queues SET waiting = waiting - 1 WHERE function = old.function;
    DELETE FROM events WHERE key = old.event_key
      AND NOT EXISTS (SELECT 1 FROM deliveries WHERE event_key = old.event_key)
      AND NOT EXISTS (SELECT 1 FROM dead_letters WHERE event_key = old.event_key);
  END;
  CREATE TRIGGER dead_letter_removed AFTER DELETE ON dead_letters BEGIN
    DELETE FROM events WHERE key = old.event_key
      AND NOT EXISTS (SELECT 1 FROM deliveries WHERE event_key = old.event_key)
      AND NOT EXISTS (SELECT 1 FROM dead_letters WHERE event_key = old.event_key);
  END;

  CREATE TABLE outbox (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    topic TEXT NOT NULL,
    payload BLOB NOT NULL,
    retain INTEGER NOT NULL,
    content_type TEXT NOT NULL,
    properties TEXT NOT NULL,
    stored_ms INTEGER NOT NULL
  ) STRICT;

  CREATE TABLE documents (
    kind TEXT NOT NULL,
    key TEXT NOT NULL,
    json TEXT NOT NULL,
    PRIMARY KEY (kind, key)
  ) STRICT, WITHOUT ROWID;
  `,
];
