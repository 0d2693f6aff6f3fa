import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Refusal } from '@sotto/wire';
import * as fc from 'fast-check';
import { Refused } from '../src/refused.ts';
import { FrameParser } from '../src/rpc/frame-parser.ts';

function encode(frames: readonly { flags: number; body: Uint8Array }[]): Buffer {
  return Buffer.concat(
    frames.flatMap(({ flags, body }) => {
      const prefix = Buffer.alloc(5);
      prefix[0] = flags;
      prefix.writeUInt32BE(body.length, 1);
      return [prefix, body];
    }),
  );
}

test('frames come out as they went in, wherever the bytes were cut', () => {
  const frame = fc.record({ flags: fc.integer({ min: 0, max: 255 }), body: fc.uint8Array({ maxLength: 40 }) });
  fc.assert(
    fc.property(fc.array(frame, { maxLength: 8 }), fc.array(fc.integer({ min: 1, max: 30 })), (frames, cuts) => {
      const bytes = encode(frames);
      const parser = new FrameParser(40);
      const out: { flags: number; body: Uint8Array }[] = [];
      let at = 0;
      for (const cut of [...cuts, bytes.length]) {
        parser.push(bytes.subarray(at, at + cut));
        at += cut;
        for (let next = parser.take(); next !== null; next = parser.take())
          out.push({ flags: next.flags, body: new Uint8Array(next.body) });
        if (at >= bytes.length) break;
      }
      assert.deepEqual(
        out,
        frames.map(({ flags, body }) => ({ flags, body })),
      );
      assert.equal(parser.pending, 0);
    }),
  );
});

test('a length over the limit is refused before its body has come', () => {
  const parser = new FrameParser(1000);
  parser.push(encode([{ flags: 0, body: new Uint8Array(1001) }]).subarray(0, 5));
  assert.throws(
    () => parser.take(),
    (error) => error instanceof Refused && error.refusal === Refusal.TOO_LARGE,
  );
});
