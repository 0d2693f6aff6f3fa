import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fromBinary, toBinary } from '@bufbuild/protobuf';
import { nativeProvider } from '@sotto/crypto';
import {
  decryptFromGroup,
  distributeSenderKey,
  encryptForGroup,
  parseSenderKeyDistribution,
  RatchetError,
  senderKeyFacts,
  senderKeyTags,
} from '@sotto/ratchet';
import { greaseValues, SenderKeyDistributionSchema } from '@sotto/wire';
import * as fc from 'fast-check';
import { readPeerState, writePeerState } from '../../src/sender-keys/chain-state.ts';
import { skippedIndexes, trimRuns, withoutIndex } from '../../src/sender-keys/skipped-runs.ts';
import type { SkippedRun } from '../../src/sender-keys/skipped-runs.ts';
import { refused } from '../refused.ts';
import { channel, components, NOW, receive, send, text } from './group.ts';

const provider = nativeProvider();
const on = components(provider);

/** Structure-aware: valid bytes with a few bytes changed, removed, added or repeated. */
function mutated(valid: Uint8Array): fc.Arbitrary<Uint8Array> {
  const at = fc.nat({ max: valid.length });
  const edit = fc.oneof(
    fc.record({ kind: fc.constant('set'), at, byte: fc.nat({ max: 255 }) } as const),
    fc.record({ kind: fc.constant('cut'), at, length: fc.nat({ max: 40 }) } as const),
    fc.record({ kind: fc.constant('insert'), at, bytes: fc.uint8Array({ maxLength: 20 }) } as const),
  );
  return fc.array(edit, { minLength: 1, maxLength: 4 }).map((edits) => {
    let bytes = [...valid];
    for (const change of edits) {
      if (change.kind === 'set') bytes[change.at] = change.byte;
      else if (change.kind === 'cut') bytes.splice(change.at, change.length);
      else bytes.splice(change.at, 0, ...change.bytes);
    }
    bytes = bytes.map((byte) => byte ?? 0);
    return Uint8Array.from(bytes);
  });
}

/** Whatever the bytes, it works or throws a RatchetError; nothing else. */
function survives(valid: Uint8Array, use: (bytes: Uint8Array) => unknown): void {
  fc.assert(
    fc.property(mutated(valid), (bytes) => {
      try {
        use(bytes);
      } catch (error) {
        assert.ok(error instanceof RatchetError, String(error));
      }
    }),
    { numRuns: 300 },
  );
}

describe('Sender Key records under mutation', () => {
  const a = channel(on);
  const lost = send(on, a, 'lost');
  receive(on, a, send(on, a, 'arrived'));
  const skipped = a.skipped.get(0)!;
  const message = send(on, a, 'next');
  const distribution = distributeSenderKey({ ...a.own, roster: a.roster });

  it('own records', () => {
    const use = (own: typeof a.own) => {
      senderKeyFacts(own);
      distributeSenderKey({ ...own, roster: a.roster });
      encryptForGroup(on, { ...own, roster: a.roster, content: text('') });
    };
    survives(a.own.record, (record) => use({ ...a.own, record }));
    survives(a.own.state, (state) => use({ ...a.own, state }));
  });

  it('records of another sender', () => {
    const use = (peer: typeof a.peer) => {
      senderKeyFacts(peer);
      senderKeyTags(on, { ...peer, ahead: 20 });
      decryptFromGroup(on, { ...peer, message, now: NOW });
    };
    survives(a.peer.record, (record) => use({ ...a.peer, record }));
    survives(a.peer.state, (state) => use({ ...a.peer, state }));
    survives(skipped, (bytes) => decryptFromGroup(on, { ...a.peer, message: lost, skipped: bytes, now: NOW }));
  });

  it('messages and distributions', () => {
    survives(message, (bytes) => decryptFromGroup(on, { ...a.peer, message: bytes, now: NOW }));
    survives(distribution, parseSenderKeyDistribution);
  });

  it('cut and extended records are refused', () => {
    const parsers: [Uint8Array, (bytes: Uint8Array) => unknown][] = [
      [a.own.record, (record) => senderKeyFacts({ ...a.own, record })],
      [a.own.state, (state) => senderKeyFacts({ ...a.own, state })],
      [a.peer.record, (record) => senderKeyFacts({ ...a.peer, record })],
      [a.peer.state, (state) => senderKeyFacts({ ...a.peer, state })],
      [skipped, (bytes) => decryptFromGroup(on, { ...a.peer, message: lost, skipped: bytes, now: NOW })],
      [distribution, parseSenderKeyDistribution],
    ];
    for (const [valid, parse] of parsers) {
      for (let length = 0; length < valid.length; length++) {
        assert.throws(() => parse(valid.slice(0, length)), RatchetError, `cut to ${length}`);
      }
      assert.throws(() => parse(Uint8Array.of(...valid, 0)), refused('malformed'));
    }
  });

  it('other versions and suites, reserved ones included, are refused by name', () => {
    for (const version of [0, 2, 0x0a, 0xff]) {
      for (const record of ['record', 'state'] as const) {
        for (const records of [a.own, a.peer]) {
          const bytes = records[record].slice();
          bytes[0] = version;
          assert.throws(() => senderKeyFacts({ ...records, [record]: bytes }), refused('unsupported'));
        }
      }
    }
    for (const suite of [0, 1, 2, 3, 5, ...greaseValues()]) {
      const record = a.peer.record.slice();
      record[2] = suite >> 8;
      record[3] = suite & 0xff;
      assert.throws(() => senderKeyFacts({ ...a.peer, record }), refused('unsupported'));
    }
  });

  it('distributions of other versions and suites, reserved ones included, are refused by name', () => {
    const valid = fromBinary(SenderKeyDistributionSchema, distribution);
    for (const number of [0, 2, 3, 5, ...greaseValues()]) {
      const versions = toBinary(SenderKeyDistributionSchema, { ...valid, version: number });
      assert.throws(() => parseSenderKeyDistribution(versions), refused('unsupported'));
      const suites = toBinary(SenderKeyDistributionSchema, { ...valid, suite: number });
      assert.throws(() => parseSenderKeyDistribution(suites), refused('unsupported'));
    }
    // Behind the last message there is no other.
    const ended = toBinary(SenderKeyDistributionSchema, { ...valid, index: 0xffff_ffff });
    assert.throws(() => parseSenderKeyDistribution(ended), refused('malformed'));
    for (const field of ['chain', 'chainKey', 'headerKey', 'signatureKey', 'roster'] as const) {
      const short = toBinary(SenderKeyDistributionSchema, { ...valid, [field]: valid[field].subarray(1) });
      assert.throws(() => parseSenderKeyDistribution(short), refused('malformed'));
    }
  });

  it('a record of one kind is not taken for another', () => {
    assert.throws(() => senderKeyFacts({ record: a.own.state, state: a.own.state }), RatchetError);
    assert.throws(() => senderKeyFacts({ record: a.peer.record, state: a.own.state }), refused('malformed'));
    assert.throws(() => senderKeyFacts({ record: a.own.record, state: a.peer.state }), refused('malformed'));
  });
});

describe('Runs of skipped messages', () => {
  const numbers = fc.uniqueArray(fc.nat({ max: 200 }), { maxLength: 100 }).map((list) => list.sort((x, y) => x - y));

  it('survive a round trip', () => {
    fc.assert(
      fc.property(numbers, (list) => {
        const state = { chain: new Uint8Array(16), next: 201, chainKey: new Uint8Array(32), skipped: runsOf(list) };
        assert.deepEqual(readPeerState(writePeerState(state)).skipped, state.skipped);
      }),
    );
  });

  it('lose exactly the number that is taken out, and exactly the oldest beyond a limit', () => {
    fc.assert(
      fc.property(numbers, fc.nat({ max: 200 }), fc.nat({ max: 120 }), (list, index, limit) => {
        const gap = [{ first: 0, count: 201, since: 0 }];
        assert.deepEqual(skippedIndexes(withoutIndex(gap, index)), without(skippedIndexes(gap), index));
        const { kept, dropped } = trimRuns(runsOf(list), 0, limit);
        assert.deepEqual(skippedIndexes(kept), limit === 0 ? [] : list.slice(-limit));
        assert.deepEqual([...dropped, ...skippedIndexes(kept)], list);
      }),
    );
  });

  it('that overlap, are empty, out of order or ahead of the chain are refused', () => {
    const since = 0;
    const bad = [
      [{ first: 0, count: 0, since }],
      [{ first: 5, count: 6, since }],
      [
        { first: 3, count: 2, since },
        { first: 4, count: 1, since },
      ],
      [
        { first: 6, count: 1, since },
        { first: 0, count: 1, since },
      ],
    ];
    for (const skipped of bad) {
      const state = writePeerState({ chain: new Uint8Array(16), next: 10, chainKey: new Uint8Array(32), skipped });
      assert.throws(() => readPeerState(state), refused('malformed'));
    }
  });
});

function without(list: number[], value: number): number[] {
  return list.filter((other) => other !== value);
}

function runsOf(list: number[]): SkippedRun[] {
  return list.map((first) => ({ first, count: 1, since: first }));
}
