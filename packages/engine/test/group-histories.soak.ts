import { it } from 'node:test';
import { runHistories } from './group-histories.ts';

it('long random histories of groups with crashes: all agree, and have seen the same', async () => {
  await runHistories(200);
});
