import { it } from 'node:test';
import { runHistories } from './group-histories.ts';

it('random histories of groups with crashes at any point: all agree, and have seen the same', async () => {
  await runHistories(6);
});
