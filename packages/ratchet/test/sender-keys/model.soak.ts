import assert from 'node:assert/strict';
import { it } from 'node:test';
import { checkGroups } from './group-property.ts';

it('R-GRP-2 Sender Keys under long courses of events', () => {
  assert.ok(checkGroups(3000, 400) > 100_000);
});
