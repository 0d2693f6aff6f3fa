import { rmSync } from 'node:fs';
import { suite, test } from 'node:test';
import { crashGroupRun } from './support/crash-groups.ts';
import { prepare } from './support/crash-scenario.ts';

suite('R-STO-2 in groups, at every single instant', () => {
  test('a crash at any commit or hand-over loses nothing, doubles nothing and forks nothing', async () => {
    const prepared = await prepare('friends');
    try {
      const instants = await crashGroupRun(prepared, null);
      for (let at = 0; at < instants; at++) await crashGroupRun(prepared, at);
    } finally {
      rmSync(prepared.folder, { recursive: true, force: true });
    }
  });
});
