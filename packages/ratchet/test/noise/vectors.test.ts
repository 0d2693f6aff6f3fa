import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { nativeProvider } from '@sotto/crypto';
import { portableProvider } from '@sotto/crypto/portable';
import { vectorFile } from '../../../../tools/vectors/folder.ts';
import { noise } from '../../../../tools/vectors/noise.ts';

const native = nativeProvider();
const path = vectorFile('noise');

if (path === null) it('vectors/noise', { skip: 'the folder of test vectors is absent' });
else {
  describe('vectors/noise, Noise rev 34: every message, handshake hash and transport', () => {
    for (const provider of [native, portableProvider(native)]) {
      for (const file of readdirSync(path).filter((name) => noise.recognises(name))) {
        it(`${file}, ${provider.name}`, async () => {
          const failures: string[] = [];
          let passed = 0;
          for await (const result of noise.run(JSON.parse(readFileSync(`${path}/${file}`, 'utf8')), provider)) {
            if (result.outcome === 'passed') passed++;
            else failures.push(`${result.name}: ${result.reason ?? ''}`);
          }
          assert.deepEqual(failures, []);
          assert.ok(passed > 0, 'nothing ran');
        });
      }
    }
  });
}
