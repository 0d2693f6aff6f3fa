import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { basename, relative } from 'node:path';
import { describe, it } from 'node:test';
import { nativeProvider } from '@sotto/crypto';
import { vectorFile } from '../../../tools/vectors/folder.ts';
import { mls } from '../../../tools/vectors/mls.ts';

const folder = vectorFile('mls');
const provider = nativeProvider();

if (folder === null) {
  it('vectors/mls', { skip: 'the folder of test vectors is absent' });
} else {
  describe('RFC 9420: official vectors', () => {
    for (const path of globSync(`${folder}/**/*.json`).toSorted()) {
      it(relative(folder, path), async () => {
        const runner = mls.find((candidate) => candidate.recognises(basename(path)));
        assert.ok(runner, 'no runner knows the file');
        const failures: string[] = [];
        let passed = 0;
        for await (const { name, outcome, reason } of runner.run(JSON.parse(readFileSync(path, 'utf8')), provider)) {
          if (outcome === 'failed') failures.push(`${name}: ${reason ?? ''}`);
          if (outcome === 'passed') passed++;
        }
        assert.deepEqual(failures, []);
        assert.ok(passed > 0, 'nothing ran');
      });
    }
  });
}
