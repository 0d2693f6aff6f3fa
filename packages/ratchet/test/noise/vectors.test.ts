import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import assert from 'node:assert/strict';
import { nativeProvider } from '@sotto/crypto';
import { portableProvider } from '@sotto/crypto/portable';
import { noise } from '../../../../tools/vectors/noise.ts';

const native = nativeProvider();
const portable = portableProvider(native);
const directory = join(process.env['SOTTO_VECTORS'] ?? '../shared/vectors', 'noise');
const files = existsSync(directory) ? readdirSync(directory).filter((file) => noise.recognises(file)) : [];

describe('Noise rev 34 vectors', { skip: files.length === 0 ? 'no vectors in ../shared/vectors/noise' : false }, () => {
  for (const file of files) {
    for (const provider of [native, portable]) {
      it(`${file}, every message, hash and transport, ${provider.name}`, async () => {
        const json: unknown = JSON.parse(readFileSync(join(directory, file), 'utf8'));
        let passed = 0;
        for await (const { name, outcome, reason } of noise.run(json, provider)) {
          assert.equal(outcome, 'passed', `${name}: ${reason}`);
          passed++;
        }
        assert.ok(passed > 0);
      });
    }
  }
});
