import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { argon2Within } from '../../../tools/vectors/argon2.ts';
import { vectorFile } from '../../../tools/vectors/folder.ts';
import { hpke } from '../../../tools/vectors/hpke.ts';
import type { VectorRunner } from '../../../tools/vectors/runner.ts';
import { wycheproof } from '../../../tools/vectors/wycheproof.ts';
import { providers } from './providers.ts';

/** Argon2 in JavaScript takes seconds for the 64 MiB cases; `npm run vectors -- --provider portable` runs them. */
const PORTABLE_ARGON2_KIB = 1024;

suite('hpke', () => hpke);
suite('argon2', (provider) => argon2Within(provider === 'portable' ? PORTABLE_ARGON2_KIB : 2 ** 18));
suite('wycheproof', () => wycheproof);

function suite(folder: string, runnerFor: (provider: string) => VectorRunner): void {
  const path = vectorFile(folder);
  if (path === null) {
    it(`vectors/${folder}`, { skip: 'the folder of test vectors is absent' });
    return;
  }
  describe(`vectors/${folder}`, () => {
    for (const provider of providers) {
      const runner = runnerFor(provider.name);
      for (const file of readdirSync(path).filter((name) => runner.recognises(name))) {
        it(`${runner.name} ${file}, ${provider.name}`, async () => {
          const counts = { passed: 0, failed: 0, skipped: 0 };
          const failures: string[] = [];
          for await (const result of runner.run(JSON.parse(readFileSync(`${path}/${file}`, 'utf8')), provider)) {
            counts[result.outcome]++;
            if (result.outcome === 'failed') failures.push(`${result.name}: ${result.reason ?? ''}`);
          }
          assert.deepEqual(failures, []);
          assert.ok(counts.passed > 0, 'nothing ran');
        });
      }
    }
  });
}
