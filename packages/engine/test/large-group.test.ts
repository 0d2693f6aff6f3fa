import assert from 'node:assert/strict';
import { it } from 'node:test';
import { largeGroup } from './large-group.ts';

it('a large group: a message reads no tree and writes little, and no call takes many rounds', async () => {
  const { costs } = await largeGroup(120, 1);
  for (const name of ['encrypt a message', 'process a message', 'process an own message']) {
    const cost = costs.get(name);
    assert.ok(cost !== undefined && cost.askedNodes <= 1, name);
    assert.ok(cost.bytesWritten <= 1024, `${name} writes ${cost.bytesWritten} bytes`);
  }
  for (const name of ['encrypt a message, first of a sender', 'process a message, first of a sender']) {
    assert.ok((costs.get(name)?.bytesWritten ?? Infinity) <= 2048, name);
  }
  assert.equal(costs.get('process an own message')?.written, 0);
  for (const [name, { rounds }] of costs) assert.ok(rounds <= 5, `${name} takes ${rounds} rounds`);
  // A tree in memory is not asked for.
  assert.equal(costs.get('process a removal')?.askedNodes, 0);
  const update = costs.get('process an update');
  assert.ok(update !== undefined && update.bytesWritten < 24 * 1024, `an update writes ${update?.bytesWritten} bytes`);
});
