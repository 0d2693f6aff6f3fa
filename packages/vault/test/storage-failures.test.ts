import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { createVault, fileKeystore, inspectVault, openVault } from '@sotto/vault';
import { NODE_ARGUMENTS } from './process.ts';
import { bytes, coded, contacts, messages, provider, tempFolder, TestClock, TestVault, text } from './support.ts';

/** Of util-linux; where it is missing or not allowed, the test says that it was skipped. */
const NAMESPACE_TOOL = 'unshare';

suite('a full disk', () => {
  test('an event that does not fit fails whole, and smaller ones go on', async () => {
    const at = new TestVault();
    let vault = await at.create(400_000);
    vault.transaction((write) => write.put(contacts, 'before', bytes('there')));
    const generation = vault.generation();
    assert.throws(
      () =>
        vault.transaction((write) => {
          write.put(contacts, 'before', bytes('changed'));
          for (let i = 0; i < 100; i++) write.put(messages, `m${i}`, provider.random(10_000));
        }),
      coded('full'),
    );
    assert.equal(vault.generation(), generation);
    assert.equal(text(vault.read((read) => read.get(contacts, 'before'))), 'there');
    vault.transaction((write) => write.put(contacts, 'after', bytes('fits')));
    vault.verify();
    vault.close();
    vault = await at.open();
    assert.equal(
      vault.read((read) => read.count(messages)),
      0,
    );
    assert.equal(text(vault.read((read) => read.get(contacts, 'after'))), 'fits');
    vault.verify();
    vault.close();
  });

  test('a vault that cannot even be made leaves none', async () => {
    const at = new TestVault();
    await assert.rejects(at.create(8192), coded('full'));
    assert.equal(inspectVault({ path: at.path, provider }), null);
    assert.deepEqual(readdirSync(at.path), ['unlock.key']);
    (await at.create()).close();
  });

  test('a file system that is really full', (t) => {
    const folder = tempFolder();
    // A mount of our own needs root or user namespaces.
    const mount = [
      '--mount',
      '--map-root-user',
      'sh',
      '-c',
      'mount -t tmpfs -o size=700k none "$0" && exec "$@"',
      folder,
    ];
    if (spawnSync(NAMESPACE_TOOL, [...mount, 'true']).status !== 0) {
      t.skip('no permission to mount a small file system');
      return;
    }
    const command = [process.execPath, ...NODE_ARGUMENTS, 'fill', join(folder, 'vault')];
    const run = spawnSync(NAMESPACE_TOOL, [...mount, ...command], { encoding: 'utf8' });
    const [events, error] = run.stdout.trim().split('\n');
    assert.equal(error, 'error full', run.stderr);
    assert.ok(Number(events) > 10, `${events} events fitted`);
  });

  test('a write that fails at the commit: the vault stops, and opens again with exactly the committed events', async (t) => {
    const at = new TestVault();
    // The limit on file sizes makes writes fail (EFBIG) once its signal is ignored.
    const command = [process.execPath, ...NODE_ARGUMENTS, 'fill', at.path];
    const run = spawnSync('bash', ['-c', 'trap "" XFSZ; ulimit -f 1500; exec "$0" "$@"', ...command], {
      encoding: 'utf8',
    });
    if (run.error !== undefined) {
      t.skip('no shell to set a limit with');
      return;
    }
    assert.match(run.stdout, /^\d+\nerror io\nerror io\n$/, run.stderr);
    const failed = Number.parseInt(run.stdout, 10);
    const vault = await at.open();
    const last = Number(text(vault.read((read) => read.get(contacts, 'last'))));
    assert.ok(last === failed - 1 || last === failed, `${failed} failed, ${last} is there`);
    assert.equal(
      vault.read((read) => read.count(messages)),
      last + 1,
    );
    vault.verify();
    vault.close();
  });
});

suite('files of a vault', () => {
  test('only their owner can read them, whatever the umask', { skip: process.platform === 'win32' }, async () => {
    const before = process.umask(0);
    const at = new TestVault();
    try {
      const vault = await at.create();
      vault.transaction((write) => write.put(contacts, 'a', bytes('a')));
      assert.equal(statSync(at.path).mode & 0o777, 0o700);
      assert.deepEqual(readdirSync(at.path).toSorted(), ['unlock.key', 'vault.db', 'vault.db-wal', 'vault.key']);
      for (const name of readdirSync(at.path)) assert.equal(statSync(join(at.path, name)).mode & 0o777, 0o600, name);
      vault.close();
      chmodSync(at.file, 0o644);
      chmodSync(join(at.path, 'vault.key'), 0o640);
      (await at.open()).close();
      for (const name of readdirSync(at.path)) assert.equal(statSync(join(at.path, name)).mode & 0o777, 0o600, name);
    } finally {
      process.umask(before);
    }
  });

  test('a folder that cannot be written', { skip: process.geteuid === undefined }, async () => {
    const parent = tempFolder();
    const path = join(parent, 'vault');
    const keys = tempFolder();
    chmodSync(parent, 0o711);
    mkdirSync(path, { mode: 0o755 });
    chmodSync(keys, 0o777);
    const options = {
      path,
      provider,
      clock: new TestClock(),
      keystore: fileKeystore({ provider, path: join(keys, 'unlock.key') }),
    };
    const root = process.geteuid!() === 0;
    // Root may write everywhere: be somebody else meanwhile.
    if (root) process.seteuid!(65_534);
    else chmodSync(path, 0o555);
    try {
      await assert.rejects(createVault(options), coded('read_only'));
      await assert.rejects(openVault(options), coded('not_found'));
    } finally {
      if (root) process.seteuid!(0);
      else chmodSync(path, 0o755);
    }
    (await createVault(options)).close();
    chmodSync(join(path, 'vault.db'), 0o444);
    chmodSync(join(path, 'vault.key'), 0o444);
    if (root) {
      process.seteuid!(65_534);
      try {
        await assert.rejects(openVault(options), coded('read_only'));
      } finally {
        process.seteuid!(0);
      }
    }
  });

  test('making a vault twice, and opening none', async () => {
    const at = new TestVault();
    await assert.rejects(at.open(), coded('not_found'));
    assert.equal(inspectVault({ path: at.path, provider }), null);
    (await at.create()).close();
    await assert.rejects(at.create(), coded('exists'));
    assert.deepEqual(inspectVault({ path: at.path, provider }), { keystore: 'file' });
    const vault = await at.open();
    vault.verify();
    vault.close();
  });
});
