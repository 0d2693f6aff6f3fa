import assert from 'node:assert/strict';
import { cpSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { suite, test } from 'node:test';
import type { Secret } from '@sotto/crypto';
import { createVault, fileKeystore, openVault } from '@sotto/vault';
import type { Keystore, Vault } from '@sotto/vault';
import { ByteWriter, utf8 } from '../src/format/bytes.ts';
import { VaultKeys } from '../src/keys.ts';
import { bytes, contacts, DAY, messages, provider, sessions, tempFolder, TestClock, text } from './support.ts';

/** A keystore that lets the test have what a thief with the passphrase has. */
class TappedKeystore implements Keystore {
  readonly kind = 'file';
  readonly #inner: Keystore;
  vaultKey: Secret | undefined;

  constructor(path: string) {
    this.#inner = fileKeystore({ provider, path });
  }

  wrap(vaultKey: Secret): Promise<Uint8Array> {
    this.vaultKey = vaultKey.slice(0, vaultKey.length);
    return this.#inner.wrap(vaultKey);
  }

  unwrap(wrapped: Uint8Array): Promise<Secret> {
    return this.#inner.unwrap(wrapped);
  }
}

interface WrappedDayKey {
  readonly id: number;
  readonly nonce: Uint8Array;
  readonly sealed: Uint8Array;
}

interface SealedRow {
  readonly counter: number;
  readonly place: Uint8Array;
  readonly collection: number;
  readonly nonce: Uint8Array;
  readonly lookups: Uint8Array;
  readonly sealed: Uint8Array;
}

/** What lies in a copy of the vault's files, its write-ahead log included. */
function stolen(path: string): { dayKeys: WrappedDayKey[]; rows: SealedRow[] } {
  const copy = tempFolder();
  cpSync(path, copy, { recursive: true });
  const sqlite = new DatabaseSync(join(copy, 'vault.db'));
  try {
    return {
      dayKeys: sqlite.prepare('SELECT * FROM day_key').all() as unknown as WrappedDayKey[],
      rows: sqlite.prepare('SELECT * FROM ratchet_row').all() as unknown as SealedRow[],
    };
  } finally {
    sqlite.close();
  }
}

/** Every file of the folder, byte for byte. */
function everything(path: string): Buffer {
  return Buffer.concat(readdirSync(path).map((name) => readFileSync(join(path, name))));
}

/** Opens a row with the vault key and whatever daily keys can be found in `files`, at any offset. */
function decrypt(row: SealedRow, vaultKey: Secret, files: Buffer, ids: readonly number[]): Uint8Array | null {
  using keys = new VaultKeys(provider, vaultKey.slice(0, 32));
  const associated = new ByteWriter()
    .raw(utf8('sotto/v1/vault-row'))
    .u32(row.collection)
    .raw(row.place)
    .i64(row.counter)
    .blob(row.lookups)
    .u8(0)
    .copy();
  const wrapKey = keys.of('day-keys');
  // A wrapped daily key is a nonce (24), then key and tag (48); SQLite stores the two beside each other.
  for (let at = 0; at + 72 <= files.length; at++) {
    if (!mightBeRandom(files, at)) continue;
    for (const id of ids) {
      const bound = new ByteWriter().raw(utf8('sotto/v1/vault-day-key')).i64(id).copy();
      const nonce = files.subarray(at, at + 24);
      const dayKey = provider.open('xchacha20-poly1305', wrapKey, nonce, files.subarray(at + 24, at + 72), bound);
      if (dayKey === null) continue;
      const plain = provider.open('xchacha20-poly1305', dayKey, row.nonce, row.sealed, associated);
      if (plain !== null) return plain;
    }
  }
  return null;
}

/** Skips what cannot begin a nonce: runs of zeros, most of a small file. */
function mightBeRandom(files: Buffer, at: number): boolean {
  let zeros = 0;
  for (let i = 0; i < 16; i++) if (files[at + i] === 0) zeros++;
  return zeros < 6;
}

async function setUp(): Promise<{ path: string; clock: TestClock; keystore: TappedKeystore; vault: Vault }> {
  const path = join(tempFolder(), 'vault');
  const clock = new TestClock();
  const keystore = new TappedKeystore(join(path, 'unlock.key'));
  const vault = await createVault({ path, clock, provider, keystore });
  return { path, clock, keystore, vault };
}

suite('forward secrecy on disk', () => {
  test('after the day is over, a stolen old row cannot be opened with the vault key and all that is on the disk', async () => {
    const { path, clock, keystore, vault } = await setUp();
    vault.transaction((write) => {
      write.put(sessions, 'with anna', bytes('chain key of monday'));
      write.put(contacts, 'anna', bytes('anna'));
    });
    const monday = stolen(path);
    const row = monday.rows[0]!;
    const [key] = monday.dayKeys;
    const ids = [key!.id];
    const vaultKey = keystore.vaultKey!;
    const plain = decrypt(row, vaultKey, everything(path), ids);
    assert.ok(plain !== null && Buffer.from(plain).includes('chain key of monday'), 'on the day itself the thief can');
    assert.ok(everything(path).includes(key!.sealed));

    vault.transaction((write) => write.put(sessions, 'with anna', bytes('a later chain key')));
    clock.advance(DAY);
    vault.transaction((write) => write.put(contacts, 'ben', bytes('ben')));
    const tuesday = everything(path);
    assert.ok(!tuesday.includes(key!.sealed), 'the wrapped key is gone from file and log');
    assert.ok(!tuesday.includes(row.sealed), 'and so is the old row');
    assert.equal(decrypt(row, vaultKey, tuesday, ids), null);
    vault.close();
    const closed = everything(path);
    assert.ok(!closed.includes(key!.sealed) && !closed.includes(row.sealed));
    assert.equal(decrypt(row, vaultKey, closed, ids), null);
  });

  test('living rows are sealed anew and stay readable over many days, reopenings and clocks set back', async () => {
    const { path, clock, keystore, vault: first } = await setUp();
    let vault = first;
    vault.transaction((write) => {
      for (let i = 0; i < 40; i++) {
        write.put(sessions, `s${i}`, bytes(`state ${i}`), { lookups: [['peer', `p${i % 4}`]] });
      }
      write.put(sessions, 'ordered', bytes('o'), { order: { partition: 'p', ordinal: 5 } });
    });
    for (const days of [1, 1, 30, -3, 0]) {
      clock.advance(days * DAY);
      const before = stolen(path).dayKeys.map(({ id }) => id);
      vault.transaction((write) => write.put(contacts, 'x', bytes('x')));
      const after = stolen(path).dayKeys.map(({ id }) => id);
      assert.equal(after.length, 1);
      if (days !== 0) assert.ok(!before.includes(after[0]!), `${days} days`);
      vault.close();
      vault = await openVault({ path, clock, provider, keystore });
      vault.read((read) => {
        for (let i = 0; i < 40; i++) assert.equal(text(read.get(sessions, `s${i}`)), `state ${i}`);
        assert.equal(read.find(sessions, 'peer', 'p1').length, 10);
        assert.equal(read.list(sessions, { partition: 'p', limit: 2 })[0]?.ordinal, 5);
      });
      vault.verify();
    }
    vault.close();
  });

  test('many rows are sealed anew in slices, and the old key goes with the last of them', async () => {
    const { path, clock, vault } = await setUp();
    vault.transaction((write) => {
      for (let i = 0; i < 1200; i++) write.put(sessions, `s${i}`, bytes(`state ${i}`));
    });
    clock.advance(DAY);
    vault.transaction((write) => write.put(sessions, 's0', bytes('changed')));
    assert.equal(stolen(path).dayKeys.length, 2, 'one event does not wait for all rows');
    vault.read((read) => {
      assert.equal(text(read.get(sessions, 's0')), 'changed');
      assert.equal(text(read.get(sessions, 's1199')), 'state 1199');
    });
    while (vault.maintain());
    assert.equal(stolen(path).dayKeys.length, 1);
    vault.verify();
    vault.close();
  });

  test('deleted rows of any kind leave nothing behind in file and log once the vault is maintained or closed', async () => {
    const { path, vault } = await setUp();
    const rows = [contacts, sessions, messages] as const;
    vault.transaction((write) => {
      for (const collection of rows) write.put(collection, 'gone', provider.random(9000));
    });
    const copy = tempFolder();
    cpSync(path, copy, { recursive: true });
    const sqlite = new DatabaseSync(join(copy, 'vault.db'));
    const pieces = ['state_row', 'ratchet_row', 'history_row'].map((table) => {
      const { sealed } = sqlite.prepare(`SELECT sealed FROM ${table}`).get() as unknown as { sealed: Uint8Array };
      return sealed.subarray(8000, 8064);
    });
    sqlite.close();
    const found = () => pieces.filter((piece) => everything(path).includes(piece)).length;
    assert.equal(found(), 3);
    vault.transaction((write) => {
      for (const collection of rows) write.delete(collection, 'gone');
    });
    while (vault.maintain());
    assert.equal(found(), 0);
    vault.close();
    assert.equal(found(), 0);
  });
});
