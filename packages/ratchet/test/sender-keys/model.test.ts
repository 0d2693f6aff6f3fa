import assert from 'node:assert/strict';
import { it } from 'node:test';
import { checkGroups } from './group-property.ts';

it(
  'R-GRP-2 every message opens exactly once for whom it was meant and for nobody else, in any order, with losses, ' +
    'duplicates, restores, clones, removals and additions; no key and nonce meets two texts',
  () => {
    const delivered = checkGroups(120, 80);
    assert.ok(delivered > 500, `the events delivered hardly anything: ${delivered}`);
  },
);
