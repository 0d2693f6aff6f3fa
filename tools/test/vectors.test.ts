import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { after, describe, it } from 'node:test';
import { nativeProvider } from '@sotto/crypto';
import { vectorFile } from '../vectors/folder.ts';
import { runVectorFiles } from '../vectors/report.ts';
import { runners } from '../vectors/runners.ts';

const root = mkdtempSync(join(tmpdir(), 'sotto-vectors-'));
after(() => rmSync(root, { recursive: true }));

const hmacFile = {
  algorithm: 'HMACSHA256',
  testGroups: [
    {
      type: 'MacTest',
      keySize: 32,
      tagSize: 256,
      // RFC 4231 §4.3.
      tests: [
        {
          tcId: 1,
          comment: 'RFC 4231',
          key: '4a656665',
          msg: '7768617420646f2079612077616e7420666f72206e6f7468696e673f',
          tag: '5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843',
          result: 'valid',
        },
      ],
    },
  ],
};

function folder(name: string, files: { readonly [path: string]: string }): string {
  const directory = join(root, name);
  mkdirSync(join(directory, 'deep/er'), { recursive: true });
  for (const [path, text] of Object.entries(files)) writeFileSync(join(directory, path), text);
  return directory;
}

function command(...args: readonly string[]): { readonly status: number | null; readonly lines: readonly string[] } {
  const program = resolve(import.meta.dirname, '../vectors.ts');
  const run = spawnSync(process.execPath, ['--conditions=@sotto/source', program, ...args], { encoding: 'utf8' });
  return { status: run.status, lines: run.stdout.trimEnd().split('\n') };
}

describe('npm run vectors', () => {
  it('finds files by name at any depth, runs cases it has never seen and names what it skips', () => {
    const unknown = { ...hmacFile, algorithm: 'HMACSHA1' };
    const directory = folder('mixed', {
      'deep/er/hmac_sha256_test.json': JSON.stringify(hmacFile),
      'hmac_sha1_test.json': JSON.stringify(unknown),
      'package.json': '{}',
      'notes.txt': 'not vectors',
    });
    const { status, lines } = command(directory);
    assert.equal(status, 0);
    assert.deepEqual(lines, [
      `${join(directory, 'deep/er/hmac_sha256_test.json')}: 1 passed, 0 failed, 0 skipped`,
      `${join(directory, 'hmac_sha1_test.json')}: 0 passed, 0 failed, 1 skipped (HMACSHA1: 1)`,
      '1 passed, 0 failed',
    ]);
  });

  it('a wrong expectation and a broken file fail, by name, with exit code 1', () => {
    const wrong = structuredClone(hmacFile);
    wrong.testGroups[0]!.tests[0]!.tag = 'ff'.repeat(32);
    const directory = folder('wrong', {
      'hmac_sha256_test.json': JSON.stringify(wrong),
      'snow.json': '{"vectors": 1',
      'argon2.json': '{}',
    });
    const { status, lines } = command(directory);
    assert.equal(status, 1);
    assert.equal(lines.at(-1), '0 passed, 3 failed');
    assert.ok(lines.includes('  failed: tcId 1 RFC 4231: tag differs'));
    assert.ok(lines.some((line) => line.startsWith('  failed: not readable as Noise vectors')));
    assert.ok(lines.some((line) => line.startsWith('  failed: not readable as Argon2 vectors')));
  });

  it('a folder without known names fails, wrong arguments have their own exit code', () => {
    const directory = folder('nothing', { 'package.json': '{}' });
    assert.deepEqual(command(directory), { status: 1, lines: ['0 passed, 0 failed'] });
    assert.equal(command(join(directory, 'missing')).status, 2);
    assert.equal(command(directory, '--provider', 'none').status, 2);
    assert.equal(command(directory, directory).status, 2);
  });

  const families = [
    ['Noise', 'noise', 'snow.json'],
    ['HPKE', 'hpke', 'rfc9180-appendix-a.json'],
    ['Argon2', 'argon2', 'argon2.json'],
    ['Wycheproof', 'wycheproof', 'x25519_test.json'],
  ] as const;
  for (const [name, directory, file] of families) {
    const path = vectorFile(directory, file);
    it(
      `${name}: changing any one digit of an expected value is noticed`,
      { skip: path === null && 'no test vectors' },
      async () => {
        // The first three Argon2 cases need 32 KiB, later ones up to 1 GiB.
        const whole: unknown = JSON.parse(readFileSync(path!, 'utf8'));
        const text = JSON.stringify(name === 'Argon2' && Array.isArray(whole) ? whole.slice(0, 3) : whole);
        const field = { Noise: 'ciphertext', HPKE: 'ct', Argon2: 'tag', Wycheproof: 'shared' }[name];
        const skipped = name === 'Argon2' ? text.indexOf('"argon2id"') : 0;
        const at = text.indexOf('"', text.indexOf(`"${field}"`, skipped) + field.length + 2) + 1;
        const digit = text[at] === '0' ? '1' : '0';
        const changed = folder(`changed-${directory}`, { [file]: text.slice(0, at) + digit + text.slice(at + 1) });
        const totals = await runVectorFiles({ directory: changed, runners, provider: nativeProvider(), print() {} });
        assert.equal(totals.failed, 1);
      },
    );
  }
});
