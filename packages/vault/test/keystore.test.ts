import assert from 'node:assert/strict';
import { chmodSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { Secret } from '@sotto/crypto';
import type { Argon2Parameters, CryptoProvider } from '@sotto/crypto';
import { createVault, fileKeystore, inspectVault, openVault, passphraseKeystore } from '@sotto/vault';
import type { Keystore } from '@sotto/vault';
import { bytes, coded, contacts, provider, tempFolder, TestClock, text } from './support.ts';

const clock = new TestClock();
const passphrase = (words: string): Keystore => passphraseKeystore({ provider, passphrase: words, cost: 'low' });
const vaultKey = Secret.copy(new Uint8Array(32).fill(7));

suite('R-ID-8 passphrase keystore', () => {
  test('wraps under Argon2id with 256 MiB and 3 passes unless the lower profile is asked for by name', async () => {
    const asked: Argon2Parameters[] = [];
    const watching: CryptoProvider = {
      name: 'native',
      random: (length: number) => provider.random(length),
      seal: (...of: Parameters<CryptoProvider['seal']>) => provider.seal(...of),
      open: (...of: Parameters<CryptoProvider['open']>) => provider.open(...of),
      argon2id: async (...[, , parameters]: Parameters<CryptoProvider['argon2id']>) => {
        asked.push(parameters);
        return Secret.copy(new Uint8Array(32));
      },
    } as CryptoProvider;
    await passphraseKeystore({ provider: watching, passphrase: 'p' }).wrap(vaultKey);
    const wrapped = await passphraseKeystore({ provider: watching, passphrase: 'p', cost: 'low' }).wrap(vaultKey);
    await passphraseKeystore({ provider: watching, passphrase: 'p' }).unwrap(wrapped);
    assert.deepEqual(
      asked.map(({ memoryKiB, passes }) => [memoryKiB, passes]),
      [
        [262_144, 3],
        [65_536, 3],
        [65_536, 3],
      ],
    );
  });

  test('unwraps with the same passphrase however it was typed, and with no other', async () => {
    const wrapped = await passphrase('mật khẩu 🔑').wrap(vaultKey);
    using key = await passphrase('mật khẩu 🔑'.normalize('NFD')).unwrap(wrapped);
    assert.deepEqual(key.reveal(), vaultKey.reveal());
    await assert.rejects(passphrase('mat khau 🔑').unwrap(wrapped), coded('wrong_passphrase'));
    assert.notDeepEqual(await passphrase('mật khẩu 🔑').wrap(vaultKey), wrapped, 'salt and nonce are fresh');
    assert.throws(() => passphrase(''), coded('misuse'));
  });

  test('R-RULE-3 a disposed one has wiped the passphrase, and is of no further use', async () => {
    const given: Secret[] = [];
    const watching = new Proxy(provider, {
      get: (target, name) =>
        name === 'argon2id'
          ? (password: Secret, ...rest: [Uint8Array, Argon2Parameters]) => {
              given.push(password);
              return target.argon2id(password, ...rest);
            }
          : (target[name as keyof CryptoProvider] as (...of: unknown[]) => unknown).bind(target),
    });
    const keystore = passphraseKeystore({ provider: watching, passphrase: 'correct horse', cost: 'low' });
    const wrapped = await keystore.wrap(vaultKey);
    keystore.dispose?.();
    keystore.dispose?.();
    const [held] = given;
    assert.throws(() => held!.reveal());
    await assert.rejects(keystore.unwrap(wrapped), coded('misuse'));
    await assert.rejects(keystore.wrap(vaultKey), coded('misuse'));
    using key = await passphrase('correct horse').unwrap(wrapped);
    assert.deepEqual(key.reveal(), vaultKey.reveal());
  });

  test('stored parameters are authenticated and bounded, newer formats are named', async () => {
    const keystore = passphrase('p');
    const wrapped = await keystore.wrap(vaultKey);
    const changed = (change: (view: DataView) => void) => {
      const copy = wrapped.slice();
      change(new DataView(copy.buffer));
      return copy;
    };
    // Offsets: version 0, memory 1, passes 5, lanes 9, salt 13.
    await assert.rejects(keystore.unwrap(changed((view) => view.setUint32(5, 4))), coded('wrong_passphrase'));
    await assert.rejects(keystore.unwrap(changed((view) => view.setUint32(1, 0xffff_ffff))), coded('damaged'));
    await assert.rejects(keystore.unwrap(changed((view) => view.setUint32(5, 1_000_000))), coded('damaged'));
    await assert.rejects(keystore.unwrap(changed((view) => view.setUint32(9, 0))), coded('damaged'));
    await assert.rejects(keystore.unwrap(changed((view) => view.setUint8(0, 2))), coded('newer_version'));
    await assert.rejects(keystore.unwrap(wrapped.subarray(0, 30)), coded('damaged'));
  });
});

suite('R-ID-8 file keystore', () => {
  test('makes a key only its owner can read, and finds it again', async () => {
    const path = join(tempFolder(), 'unlock.key');
    const wrapped = await fileKeystore({ provider, path }).wrap(vaultKey);
    using key = await fileKeystore({ provider, path }).unwrap(wrapped);
    assert.deepEqual(key.reveal(), vaultKey.reveal());
    assert.equal(readFileSync(path).length, 32);
  });

  test('refuses a missing, foreign or malformed key file', async () => {
    const path = join(tempFolder(), 'unlock.key');
    const keystore = fileKeystore({ provider, path });
    const wrapped = await keystore.wrap(vaultKey);
    const key = readFileSync(path);
    writeFileSync(path, provider.random(32));
    await assert.rejects(keystore.unwrap(wrapped), coded('keystore_unavailable'));
    for (const wrong of [key.subarray(1), Buffer.concat([key, key]), Buffer.alloc(0)]) {
      writeFileSync(path, wrong);
      await assert.rejects(keystore.unwrap(wrapped), coded('damaged'));
    }
    rmSync(path);
    await assert.rejects(keystore.unwrap(wrapped), coded('keystore_unavailable'));
    writeFileSync(path, key, { mode: 0o600 });
    await assert.rejects(keystore.unwrap(wrapped.map((byte, i) => (i === 0 ? 2 : byte))), coded('newer_version'));
    (await keystore.unwrap(wrapped)).dispose();
  });

  test('refuses a key file that others can read', { skip: process.platform === 'win32' }, async () => {
    const path = join(tempFolder(), 'unlock.key');
    const keystore = fileKeystore({ provider, path });
    const wrapped = await keystore.wrap(vaultKey);
    for (const mode of [0o640, 0o604, 0o620, 0o666]) {
      chmodSync(path, mode);
      await assert.rejects(keystore.unwrap(wrapped), coded('insecure_permissions'));
      await assert.rejects(keystore.wrap(vaultKey), coded('insecure_permissions'));
    }
    chmodSync(path, 0o400);
    (await keystore.unwrap(wrapped)).dispose();
  });
});

suite('R-ID-8 setting, changing and removing a passphrase', () => {
  test('the new keystore opens the vault, the old one does not, and a key file that lost its use is gone', async () => {
    const path = join(tempFolder(), 'vault');
    const keyPath = join(path, 'unlock.key');
    const file = () => fileKeystore({ provider, path: keyPath });
    const open = (keystore: Keystore) => openVault({ path, provider, clock, keystore });
    let vault = await createVault({ path, provider, clock, keystore: file() });
    vault.transaction((write) => write.put(contacts, 'a', bytes('there')));
    const unlock = readFileSync(keyPath);
    const before = readFileSync(join(path, 'vault.key'));

    await vault.rewrap(passphrase('first'));
    assert.ok(!existsSync(keyPath));
    vault.transaction((write) => write.put(contacts, 'b', bytes('still works')));
    vault.close();
    assert.deepEqual(inspectVault({ path, provider }), { keystore: 'passphrase' });
    await assert.rejects(open(file()), coded('wrong_keystore'));

    vault = await open(passphrase('first'));
    await vault.rewrap(passphrase('second'));
    vault.close();
    await assert.rejects(open(passphrase('first')), coded('wrong_passphrase'));

    vault = await open(passphrase('second'));
    await vault.rewrap(file());
    vault.close();
    vault = await open(file());
    assert.equal(text(vault.read((read) => read.get(contacts, 'b'))), 'still works');
    vault.close();
    assert.notDeepEqual(readFileSync(keyPath), unlock);
    assert.notDeepEqual(readFileSync(join(path, 'vault.key')), before);
    assert.deepEqual(readdirSync(path).toSorted(), ['unlock.key', 'vault.db', 'vault.key']);
  });

  test('a keystore that fails leaves the old wrapping', async () => {
    const path = join(tempFolder(), 'vault');
    const keystore = fileKeystore({ provider, path: join(path, 'unlock.key') });
    const vault = await createVault({ path, provider, clock, keystore });
    const refusing: Keystore = {
      kind: 'refusing',
      wrap: () => Promise.reject(new Error('no')),
      unwrap: () => Promise.reject(new Error('no')),
    };
    const talkative: Keystore = { ...refusing, wrap: () => Promise.resolve(new Uint8Array(5000)) };
    await assert.rejects(vault.rewrap(refusing), /no/);
    await assert.rejects(vault.rewrap(talkative), coded('misuse'));
    vault.close();
    (await openVault({ path, provider, clock, keystore })).close();
  });

  test('what a crash left beside the key file is removed when the vault is opened', async () => {
    const path = join(tempFolder(), 'vault');
    const keystore = fileKeystore({ provider, path: join(path, 'unlock.key') });
    (await createVault({ path, provider, clock, keystore })).close();
    writeFileSync(join(path, 'vault.key.new'), 'half a file');
    (await openVault({ path, provider, clock, keystore })).close();
    assert.ok(!existsSync(join(path, 'vault.key.new')));
  });

  test('a keystore that returns something else than a vault key', async () => {
    const path = join(tempFolder(), 'vault');
    const keystore = fileKeystore({ provider, path: join(path, 'unlock.key') });
    (await createVault({ path, provider, clock, keystore })).close();
    const short: Keystore = { ...keystore, unwrap: () => Promise.resolve(Secret.copy(new Uint8Array(31))) };
    const other: Keystore = { ...keystore, unwrap: () => Promise.resolve(Secret.copy(new Uint8Array(32))) };
    await assert.rejects(openVault({ path, provider, clock, keystore: short }), coded('damaged'));
    await assert.rejects(openVault({ path, provider, clock, keystore: other }), coded('tampered'));
  });
});
