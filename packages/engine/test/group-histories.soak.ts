import { it } from 'node:test';
import { runHistories } from './group-histories.ts';

it('R-GRP-3 long random histories of groups with crashes: all agree, and have seen the same', async () => {
  console.table(Object.fromEntries(await runHistories(200)));
});
