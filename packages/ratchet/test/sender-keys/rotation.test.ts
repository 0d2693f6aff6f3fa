import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { rotationDue, senderKeyPolicy } from '@sotto/ratchet';
import * as fc from 'fast-check';
import { NOW } from './group.ts';

const ids = Array.from({ length: 6 }, (_, i) => new Uint8Array(16).fill(i));
const some = fc.subarray(ids);
const good = {
  holders: ids.slice(0, 3),
  members: ids.slice(0, 3),
  revoked: [],
  createdAt: NOW,
  sent: 0,
  now: NOW,
  policy: senderKeyPolicy,
};

describe('R-GRP-2 rotation', () => {
  it('is due when a holder is revoked, gone, or the key is a week old or has sent 10,000 messages', () => {
    assert.equal(rotationDue(good), null);
    assert.equal(rotationDue({ ...good, revoked: [ids[1]!] }), 'device-revoked');
    assert.equal(rotationDue({ ...good, members: ids.slice(1, 3) }), 'member-removed');
    const week = 7 * 24 * 3_600_000;
    assert.equal(rotationDue({ ...good, now: NOW + week - 1 }), null);
    assert.equal(rotationDue({ ...good, now: NOW + week }), 'age');
    assert.equal(rotationDue({ ...good, now: NOW - week }), 'age');
    assert.equal(rotationDue({ ...good, sent: 9999 }), null);
    assert.equal(rotationDue({ ...good, sent: 10_000 }), 'count');
    assert.equal(rotationDue({ ...good, sent: 10, policy: { ...senderKeyPolicy, maxMessages: 10 } }), 'count');
  });

  it('is due exactly when somebody holds the key who may not read', () => {
    fc.assert(
      fc.property(some, some, some, (holders, members, revoked) => {
        const due = rotationDue({ ...good, holders, members, revoked });
        const foreign = holders.some((device) => !members.includes(device) || revoked.includes(device));
        assert.equal(due !== null, foreign);
      }),
    );
  });
});
