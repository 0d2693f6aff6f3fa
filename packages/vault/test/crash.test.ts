import assert from 'node:assert/strict';
import { cpSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { suite, test } from 'node:test';
import type { Vault } from '@sotto/vault';
import { Child } from './process.ts';
import { bytes, coded, contacts, messages, sessions, TestVault, text } from './support.ts';

suite('R-STO-2 crashes', () => {
  test('kill -9 at random instants: exactly the committed events are there', async () => {
    const at = new TestVault();
    (await at.create()).close();
    for (let round = 0; round < 12; round++) {
      const child = new Child('events', at.path);
      await child.said();
      await sleep(Math.random() * 120);
      await child.kill();
      const said = Number(child.lines.at(-1));
      const vault = await at.open();
      const committed = Number(text(vault.read((read) => read.get(contacts, 'last'))));
      if (!Number.isNaN(said)) {
        assert.ok(committed === said || committed === said + 1, `said ${said}, committed ${committed}`);
      }
      checkEvents(vault, committed);
      vault.verify();
      vault.close();
    }
  });

  test('R-STO-2 the lock is taken at once, refuses a second process by code, and dies with kill -9', async () => {
    const at = new TestVault();
    const vault = await at.create();
    const refused = new Child('open', at.path);
    await refused.ended;
    assert.deepEqual(refused.lines, ['error locked']);
    await assert.rejects(at.open(), coded('locked'));
    const making = new Child('create', at.path);
    await making.ended;
    assert.deepEqual(making.lines, ['error locked']);
    vault.close();
    const holder = new Child('hold', at.path);
    await holder.said();
    assert.deepEqual(holder.lines, ['holding']);
    await assert.rejects(at.open(), coded('locked'));
    await holder.kill();
    (await at.open()).close();
  });

  test('a damaged write-ahead log is at worst a rollback to an earlier event, which the generation shows', async () => {
    const at = new TestVault();
    const vault = await at.create();
    const empty = vault.generation();
    const events = 12;
    for (let n = 1; n <= events; n++) {
      vault.transaction((write) => {
        write.put(contacts, 'last', bytes(String(n)));
        write.put(sessions, `s${n % 7}`, bytes(String(n)));
        write.put(messages, `m${n}`, bytes('x'.repeat(n % 900)), { order: { partition: 'chat', ordinal: n } });
        write.index(`m${n}`, `word${n} common`);
      });
    }
    const crashed = new TestVault();
    cpSync(at.path, crashed.path, { recursive: true });
    vault.close();
    const wal = `${crashed.file}-wal`;
    assert.ok(existsSync(wal));
    const [file, log] = [readFileSync(crashed.file), readFileSync(wal)];
    const seen = new Set<number>();
    for (let i = 0; i < 40; i++) {
      const damaged = Buffer.from(log);
      if (i > 0) damaged[Math.floor((i * log.length) / 40)]! ^= 0x10;
      writeFileSync(crashed.file, file);
      writeFileSync(wal, i % 2 === 0 ? damaged : damaged.subarray(0, Math.floor((i * log.length) / 40)));
      const opened = await crashed.open();
      const committed = opened.generation() - empty;
      seen.add(committed);
      if (committed > 0) checkEvents(opened, committed);
      opened.verify();
      opened.close();
      rmSync(wal, { force: true });
    }
    assert.ok(seen.has(events) && seen.size > 5);
  });
});

function checkEvents(vault: Vault, committed: number): void {
  vault.read((read) => {
    assert.equal(text(read.get(contacts, 'last')), String(committed));
    assert.equal(read.count(messages), committed);
    const listed = read.list(messages, { partition: 'chat', limit: 100_000 });
    assert.deepEqual(
      listed.map(({ key, value }) => [key, value.length]),
      Array.from({ length: committed }, (_, i) => [`m${i + 1}`, (i + 1) % 900]),
    );
    for (let n = Math.max(1, committed - 6); n <= committed; n++) {
      assert.equal(text(read.get(sessions, `s${n % 7}`)), String(n));
    }
  });
  const [hit] = vault.search(`word${committed}`, { limit: 1 });
  assert.equal(hit?.reference, `m${committed}`);
}
