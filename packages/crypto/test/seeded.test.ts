import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import type { CryptoProvider } from '@sotto/crypto';
import { portableProvider } from '@sotto/crypto/portable';
import { seededProvider, seededStream } from '@sotto/crypto/simulation';
import { utf8 } from './providers.ts';

/** Everything that takes chance, in one order. */
function transcript(provider: CryptoProvider): string {
  const out: Uint8Array[] = [provider.random(5)];
  for (const kind of ['x25519', 'x448', 'p-256', 'p-384', 'p-521', 'ml-kem-768', 'x-wing'] as const) {
    const own = provider.generate(kind);
    out.push(own.publicKey, own.export().reveal());
  }
  for (const kind of ['ed25519', 'ed448', 'ecdsa-p256-sha256', 'ecdsa-p384-sha384', 'ecdsa-p521-sha512'] as const) {
    const own = provider.generate(kind);
    out.push(own.publicKey, own.export().reveal(), provider.sign(own, utf8('message')));
  }
  for (const kind of ['ml-kem-768', 'x-wing'] as const) {
    const { ciphertext, sharedSecret } = provider.encapsulate(
      provider.importPublic(kind, provider.generate(kind).publicKey),
    );
    out.push(ciphertext, sharedSecret.reveal());
  }
  return Buffer.concat(out).toString('hex');
}

describe('R-RES-1 seeded provider', () => {
  it('the same seed gives the same run, another seed another', () => {
    assert.equal(transcript(seededProvider(utf8('a'))), transcript(seededProvider(utf8('a'))));
    assert.notEqual(transcript(seededProvider(utf8('a'))), transcript(seededProvider(utf8('b'))));
    assert.notEqual(transcript(seededProvider(utf8('a'))), transcript(seededProvider(new Uint8Array(0))));
  });

  it('two providers with one seed do not disturb each other', () => {
    const [one, two] = [seededProvider(utf8('a')), seededProvider(utf8('a'))];
    const first = one.random(64);
    assert.deepEqual([...two.random(10), ...two.random(54)], [...first]);
  });

  it('the portable provider over the same stream makes the same bytes', () => {
    const portable = portableProvider({ random: seededStream(utf8('a')) });
    assert.equal(transcript(portable), transcript(seededProvider(utf8('a'))));
  });

  it('no shipped program names it, in whatever way an import can be written', () => {
    const root = join(import.meta.dirname, '../../..');
    const shipped = globSync(
      ['packages/*/{src,bin}/**/*.{ts,mjs,js}', 'examples/**/*.ts', 'tools/{start,demo}{.ts,/**}'],
      {
        cwd: root,
        withFileTypes: true,
      },
    )
      .filter((entry) => entry.isFile())
      .map(({ parentPath, name }) => join(parentPath, name));
    assert.ok(shipped.length > 300, `${shipped.length} files`);
    // The simulator is what it is for, and is never published.
    const simulator = join(root, 'packages/simulator');
    const { private: isPrivate } = JSON.parse(readFileSync(join(simulator, 'package.json'), 'utf8')) as {
      private?: boolean;
    };
    assert.equal(isPrivate, true);
    const naming = shipped
      .filter((path) => !path.startsWith(`${simulator}/`))
      .filter((path) => /(?:simulation(?:\.[jt]s)?|@sotto\/simulator)['"`]/.test(readFileSync(path, 'utf8')));
    assert.deepEqual(naming, []);
  });
});
