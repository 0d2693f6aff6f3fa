import assert from 'node:assert/strict';
import { test } from 'node:test';
import { toBinary } from '@bufbuild/protobuf';
import { ConnectResponseSchema, FollowResponseSchema, PostStreamResponseSchema, Refusal } from '@sotto/wire';
import * as fc from 'fast-check';
import { deviceFrameMessage, encodeDeviceFrame } from '../src/rpc/device-frame.ts';
import { encodeFollowFrame, followFrameMessage } from '../src/rpc/follow-frame.ts';
import { encodePostFrame, postFrameMessage } from '../src/rpc/post-frame.ts';

const number = fc.oneof(fc.nat(300), fc.maxSafeNat());
const refusal = fc.constantFrom(Refusal.UNSPECIFIED, Refusal.REVOKED, Refusal.REPLACED);

test('frames written by hand are byte for byte what protobuf writes', () => {
  const delivery = fc.record({
    sequence: number,
    envelope: fc.uint8Array({ minLength: 1, maxLength: 300 }),
    queue: fc.constantFrom('contacts' as const, 'requests' as const),
    storedAt: number,
  });
  const deviceFrame = fc.record({
    deliveries: fc.array(delivery, { maxLength: 5 }),
    acknowledged: fc.array(number, { maxLength: 5 }),
    caughtUp: fc.boolean(),
    pong: number,
    low: fc.option(fc.record({ oneTime: fc.nat(200), oneTimeKem: fc.nat(200) })),
    closing: refusal,
  });
  fc.assert(
    fc.property(deviceFrame, fc.nat(9), (frame, reserve) => {
      const expected = toBinary(ConnectResponseSchema, deviceFrameMessage(frame));
      assert.deepEqual(new Uint8Array(encodeDeviceFrame(frame, reserve).subarray(reserve)), new Uint8Array(expected));
    }),
  );
  const outcome = fc.oneof(
    fc.constant({ kind: 'stored' as const }),
    fc.constant({ kind: 'duplicate' as const }),
    fc.record({ kind: fc.constant('refused' as const), refusal, retryAfterMs: number }),
  );
  fc.assert(
    fc.property(fc.array(fc.record({ number, outcome }), { maxLength: 8 }), (frame) => {
      const expected = toBinary(PostStreamResponseSchema, postFrameMessage(frame));
      assert.deepEqual(new Uint8Array(encodePostFrame(frame, 5).subarray(5)), new Uint8Array(expected));
    }),
  );
  const record = fc.record({
    position: number,
    entry: fc.uint8Array({ minLength: 1, maxLength: 300 }),
    storedAt: number,
  });
  const batch = fc.record({
    log: fc.uint8Array({ minLength: 32, maxLength: 32 }),
    records: fc.array(record, { maxLength: 4 }),
    extent: fc.option(fc.record({ oldest: number, head: number })),
    caughtUp: fc.boolean(),
    refusal: fc.constantFrom(Refusal.UNSPECIFIED, Refusal.NOT_FOUND, Refusal.QUOTA),
  });
  const followFrame = fc.record({ batches: fc.array(batch, { maxLength: 4 }), pong: number, closing: refusal });
  fc.assert(
    fc.property(followFrame, fc.nat(9), (frame, reserve) => {
      const expected = toBinary(FollowResponseSchema, followFrameMessage(frame));
      assert.deepEqual(new Uint8Array(encodeFollowFrame(frame, reserve).subarray(reserve)), new Uint8Array(expected));
    }),
  );
});
