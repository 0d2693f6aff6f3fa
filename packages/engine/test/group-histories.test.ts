import assert from 'node:assert/strict';
import { it } from 'node:test';
import { runHistories } from './group-histories.ts';

it('R-GRP-3 random histories of groups with crashes at any point: all agree, and have seen the same', async () => {
  const tally = await runHistories(6);
  for (const word of ['message', 'commit']) assert.ok((tally.get(word) ?? 0) > 0, `a ${word} was seen`);
});
