import type { DatabaseSync } from 'node:sqlite';

/**
 * Schema versions, oldest first; `user_version` counts those applied. A migration is never edited once released.
 * Times are Unix seconds unless a name says otherwise; `expires_hour` is Unix seconds / 3600.
 */
const MIGRATIONS: readonly string[] = [
  `
  CREATE TABLE accounts (
    no INTEGER PRIMARY KEY,
    account BLOB NOT NULL UNIQUE,
    statements INTEGER NOT NULL,
    chain_bytes INTEGER NOT NULL,
    created_at INTEGER NOT NULL
  ) STRICT;

  CREATE TABLE account_names (
    name TEXT PRIMARY KEY,
    account_no INTEGER NOT NULL REFERENCES accounts (no),
    claimed_at INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX account_names_by_account ON account_names (account_no);

  -- position: order of arrival. Concurrent statements share a sequence.
  CREATE TABLE statements (
    account_no INTEGER NOT NULL REFERENCES accounts (no),
    position INTEGER NOT NULL,
    sequence INTEGER NOT NULL,
    bytes BLOB NOT NULL,
    PRIMARY KEY (account_no, position)
  ) STRICT, WITHOUT ROWID;

  -- A registered device and its mailbox. highest_…: prekey ids seen, so that none comes back after it was handed out.
  CREATE TABLE devices (
    no INTEGER PRIMARY KEY,
    account_no INTEGER NOT NULL REFERENCES accounts (no),
    device BLOB NOT NULL,
    ed25519 BLOB NOT NULL,
    mailbox BLOB NOT NULL UNIQUE,
    highest_one_time INTEGER NOT NULL DEFAULT 0,
    highest_one_time_kem INTEGER NOT NULL DEFAULT 0,
    registered_at INTEGER NOT NULL,
    revoked_at INTEGER,
    UNIQUE (account_no, device)
  ) STRICT;

  -- Changes with every message, so it is a narrow row of its own.
  CREATE TABLE mailbox_counters (
    device_no INTEGER PRIMARY KEY REFERENCES devices (no),
    next_sequence INTEGER NOT NULL
  ) STRICT;

  -- Rows lie in the order of arrival: a commit writes few pages however many mailboxes it serves. Everything but the
  -- envelope is in the one index, unique by its first two columns; a second index or a foreign key would cost a tenth
  -- of a post each.
  CREATE TABLE messages (
    no INTEGER PRIMARY KEY,
    device_no INTEGER NOT NULL,
    sequence INTEGER NOT NULL,
    queue INTEGER NOT NULL,
    stored_at_ms INTEGER NOT NULL,
    expires_hour INTEGER NOT NULL,
    envelope BLOB NOT NULL
  ) STRICT;
  CREATE UNIQUE INDEX messages_by_mailbox ON messages (device_no, sequence, expires_hour, queue);

  -- Envelopes seen, until they expire: removed messages must not come back. id is the first half of the EnvelopeId.
  CREATE TABLE seen (
    expires_hour INTEGER NOT NULL,
    device_no INTEGER NOT NULL,
    id BLOB NOT NULL,
    PRIMARY KEY (expires_hour, device_no, id)
  ) STRICT, WITHOUT ROWID;

  -- day is Unix seconds / 86400; used and bundles count within it.
  CREATE TABLE capabilities (
    hash BLOB PRIMARY KEY,
    device_no INTEGER NOT NULL REFERENCES devices (no),
    daily_quota INTEGER NOT NULL,
    day INTEGER NOT NULL DEFAULT 0,
    used INTEGER NOT NULL DEFAULT 0,
    bundles INTEGER NOT NULL DEFAULT 0
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX capabilities_by_device ON capabilities (device_no);

  CREATE TABLE request_token_uses (
    expires_at INTEGER NOT NULL,
    token BLOB NOT NULL,
    device_no INTEGER NOT NULL,
    purpose INTEGER NOT NULL,
    PRIMARY KEY (expires_at, token, device_no, purpose)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE lasting_prekeys (
    device_no INTEGER NOT NULL REFERENCES devices (no),
    kind INTEGER NOT NULL,
    id INTEGER NOT NULL,
    bytes BLOB NOT NULL,
    PRIMARY KEY (device_no, kind)
  ) STRICT;

  CREATE TABLE one_time_prekeys (
    device_no INTEGER NOT NULL REFERENCES devices (no),
    kind INTEGER NOT NULL,
    id INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    bytes BLOB NOT NULL,
    PRIMARY KEY (device_no, kind, id)
  ) STRICT;
  `,
  `
  CREATE TABLE witnesses (
    device_no INTEGER PRIMARY KEY REFERENCES devices (no),
    witness BLOB NOT NULL
  ) STRICT;
  `,
  `
  -- A sealed file. blob and owner are hashes of secrets; stored: bytes of it that are durable. No account stands beside it.
  CREATE TABLE blobs (
    no INTEGER PRIMARY KEY,
    blob BLOB NOT NULL UNIQUE,
    owner BLOB NOT NULL,
    length INTEGER NOT NULL,
    stored INTEGER NOT NULL DEFAULT 0,
    expires_hour INTEGER NOT NULL
  ) STRICT;
  CREATE INDEX blobs_by_expiry ON blobs (expires_hour);

  -- What each account has begun on a day (Unix seconds / 86400).
  CREATE TABLE blob_days (
    day INTEGER NOT NULL,
    account_no INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    blobs INTEGER NOT NULL,
    PRIMARY KEY (day, account_no)
  ) STRICT, WITHOUT ROWID;
  `,
  `
  -- Logs of groups. account_no, first_key: who opened it, with what epoch.
  CREATE TABLE logs (
    no INTEGER PRIMARY KEY,
    log BLOB NOT NULL UNIQUE,
    first_key BLOB NOT NULL,
    account_no INTEGER NOT NULL REFERENCES accounts (no),
    created_at INTEGER NOT NULL
  ) STRICT;
  CREATE INDEX logs_by_account ON logs (account_no);

  -- What every append changes, in a narrow row of its own. head: last position given; oldest: the first that is kept;
  -- late_bytes: of commits that came late (see limits.ts).
  CREATE TABLE log_counters (
    log_no INTEGER PRIMARY KEY REFERENCES logs (no),
    head INTEGER NOT NULL,
    oldest INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    late_bytes INTEGER NOT NULL,
    epochs INTEGER NOT NULL
  ) STRICT;

  -- Epoch keys, a tree for each log; kept for as long as the log. last_change: position of the last entry under the key
  -- other than a message.
  CREATE TABLE log_epochs (
    no INTEGER PRIMARY KEY,
    log_no INTEGER NOT NULL,
    key BLOB NOT NULL,
    parent_no INTEGER,
    first_child_at_ms INTEGER,
    last_change INTEGER NOT NULL,
    UNIQUE (log_no, key)
  ) STRICT;

  -- Rows lie in the order of arrival. id: the first half of the LogEntryId.
  CREATE TABLE log_entries (
    no INTEGER PRIMARY KEY,
    log_no INTEGER NOT NULL,
    position INTEGER NOT NULL,
    stored_at_ms INTEGER NOT NULL,
    late INTEGER NOT NULL,
    id BLOB NOT NULL,
    entry BLOB NOT NULL
  ) STRICT;
  CREATE UNIQUE INDEX log_entries_by_log ON log_entries (log_no, position);
  CREATE UNIQUE INDEX log_entries_by_id ON log_entries (id, log_no, position);

  CREATE TABLE log_admissions (
    expires_at INTEGER NOT NULL,
    log_no INTEGER NOT NULL,
    nonce BLOB NOT NULL,
    PRIMARY KEY (expires_at, log_no, nonce)
  ) STRICT, WITHOUT ROWID;

  -- id 0: the last-resort one, whatever id it came with.
  CREATE TABLE key_packages (
    device_no INTEGER NOT NULL REFERENCES devices (no),
    id INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    bytes BLOB NOT NULL,
    PRIMARY KEY (device_no, id)
  ) STRICT;
  CREATE INDEX key_packages_by_expiry ON key_packages (expires_at);
  CREATE TABLE key_package_marks (
    device_no INTEGER PRIMARY KEY REFERENCES devices (no),
    highest INTEGER NOT NULL
  ) STRICT;
  `,
];

const SCHEMA_VERSION = MIGRATIONS.length;

/** Brings the database to today's schema, a transaction a step. Throws when a newer program wrote it. */
export function migrate(database: DatabaseSync): void {
  const version = Number(database.prepare('PRAGMA user_version').get()?.['user_version']);
  if (version > SCHEMA_VERSION) {
    throw new Error(
      `the gateway's data was written by a newer version (schema ${version}, this one ${SCHEMA_VERSION})`,
    );
  }
  for (const [index, sql] of MIGRATIONS.entries()) {
    if (index < version) continue;
    database.exec(`BEGIN IMMEDIATE; ${sql}; PRAGMA user_version = ${index + 1}; COMMIT`);
  }
}
