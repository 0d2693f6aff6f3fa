import assert from 'node:assert/strict';
import { test } from 'node:test';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { encryptMessage, expectedTags, expireSkipped, RatchetError, sessionFacts } from '@sotto/ratchet';
import {
  accountId,
  decodeEnvelope,
  deviceId,
  greaseValues,
  InitialMessageSchema,
  statementHash,
  SUITE_PQXDH,
  SUITE_X3DH,
  writeChainHead,
} from '@sotto/wire';
import * as fc from 'fast-check';
import { readSkipped } from '../src/double-ratchet/skipped.ts';
import { AT } from '../src/double-ratchet/state.ts';
import { appendMessage, decodeFlight, encodeFirstFlight } from '../src/x3dh/flight.ts';
import type { Flight } from '../src/x3dh/flight.ts';
import { readOpening } from '../src/x3dh/opening.ts';
import { codeOf } from './support/codes.ts';
import { attempt, conversation, read, write } from './support/conversation.ts';
import { EXPIRES, firstContact } from './support/first-contact.ts';
import { text } from './support/world.ts';

const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
const id = fc.integer({ min: 1, max: 0xffff_ffff });
const head = fc
  .record({
    account: bytes(32).map(accountId),
    sequence: fc.oneof(fc.nat({ max: 300 }), fc.maxSafeNat()),
    hash: bytes(32).map(statementHash),
    seenAt: fc.oneof(fc.constant(0), fc.nat({ max: 8_640_000_000_000_000 })),
  })
  .map((fields) => ({ ...fields }));
const flights: fc.Arbitrary<Flight> = fc
  .record({
    withKem: fc.boolean(),
    senderDevice: bytes(16).map(deviceId),
    senderHead: head,
    senderChain: fc.option(fc.uint8Array({ minLength: 1, maxLength: 400 })),
    ephemeral: bytes(32),
    signed: id,
    oneTime: fc.option(id),
    kem: id,
    kemCiphertext: bytes(1088),
    recipientHead: head,
    startedAt: fc.integer({ min: 1, max: 2 ** 40 }),
    message: fc.uint8Array({ maxLength: 300 }),
  })
  .map(({ withKem, signed, oneTime, kem, kemCiphertext, ...rest }) => ({
    ...rest,
    suite: withKem ? SUITE_PQXDH : SUITE_X3DH,
    prekeys: { signed, oneTime, kem: withKem ? kem : null },
    kemCiphertext: withKem ? kemCiphertext : new Uint8Array(0),
  }));

function encode(flight: Flight): Uint8Array {
  return appendMessage(encodeFirstFlight(flight), flight.message);
}

/** The same by the generated code. */
function encodeByProtobuf(flight: Flight): Uint8Array {
  return toBinary(
    InitialMessageSchema,
    create(InitialMessageSchema, {
      version: 1,
      suite: flight.suite,
      senderDevice: flight.senderDevice,
      senderHead: writeChainHead(flight.senderHead),
      senderChain: flight.senderChain ?? new Uint8Array(0),
      ephemeral: flight.ephemeral,
      signedPrekeyId: flight.prekeys.signed,
      oneTimeId: flight.prekeys.oneTime ?? 0,
      kemId: flight.prekeys.kem ?? 0,
      kemCiphertext: flight.kemCiphertext,
      recipientHead: writeChainHead(flight.recipientHead),
      startedAt: BigInt(flight.startedAt),
      message: flight.message,
    }),
  );
}

test('initial messages are protobuf: written as the generated code writes them, and read back the same', () => {
  fc.assert(
    fc.property(flights, (flight) => {
      const written = encode(flight);
      // The generated code leaves an empty message out; a real one is never empty.
      if (flight.message.length > 0) assert.deepEqual(written, encodeByProtobuf(flight));
      assert.deepEqual(decodeFlight(written), flight);
    }),
    { numRuns: 100 },
  );
});

test('R-OPS-2: a damaged initial message is refused by code, or is the one way to write something else', () => {
  fc.assert(
    fc.property(flights, fc.nat(), fc.integer({ min: 1, max: 255 }), (flight, at, flip) => {
      const damaged = encode(flight);
      damaged[at % damaged.length] = damaged[at % damaged.length]! ^ flip;
      let parsed;
      try {
        parsed = decodeFlight(damaged);
      } catch (error) {
        assert.ok(error instanceof RatchetError && (error.code === 'malformed' || error.code === 'unsupported'));
        return;
      }
      assert.deepEqual(encode(parsed), damaged);
    }),
    { numRuns: 400 },
  );
});

/** The code with which parts, put together, are refused as an initial message. */
function edited(...parts: (Uint8Array | readonly number[])[]): string {
  return codeOf(() => decodeFlight(new Uint8Array(parts.flatMap((part) => [...part]))));
}

test('initial messages: truncated, with trailing bytes, fields twice, out of order, unknown, empty or not the shortest', () => {
  const [flight] = fc.sample(flights, { numRuns: 1, seed: 5 });
  assert.ok(flight !== undefined);
  const good = encode({
    ...flight,
    suite: SUITE_X3DH,
    kemCiphertext: new Uint8Array(0),
    prekeys: { signed: 1, oneTime: null, kem: null },
  });
  assert.equal(
    codeOf(() => decodeFlight(good)),
    'done',
  );
  for (let length = 0; length < good.length; length++) {
    assert.equal(
      codeOf(() => decodeFlight(good.subarray(0, length))),
      'malformed',
      `${length}`,
    );
  }
  assert.equal(edited(good, [0]), 'malformed');
  assert.equal(edited(good, [0x6a, 0]), 'malformed');
  assert.equal(edited(good, [0x70, 1]), 'malformed');
  assert.equal(edited([0x10, 2, 0x08, 1], good.subarray(4)), 'malformed');
  assert.equal(edited([0x08, 1], good), 'malformed');
  assert.equal(edited([0x08, 0x81, 0x00], good.subarray(2)), 'malformed');
});

test('initial messages of unknown versions and suites are refused as such, GREASE values included', () => {
  const [flight] = fc.sample(flights, { numRuns: 1, seed: 7 });
  assert.ok(flight !== undefined);
  const rewritten = (fields: object) => {
    const message = fromBinary(InitialMessageSchema, encode({ ...flight, message: text('x') }));
    return codeOf(() =>
      decodeFlight(toBinary(InitialMessageSchema, create(InitialMessageSchema, { ...message, ...fields }))),
    );
  };
  assert.equal(rewritten({}), 'done');
  for (const value of [2, 3, 0xffff_ffff, ...greaseValues()]) {
    assert.equal(rewritten({ version: value }), 'unsupported');
    if (value !== 2) assert.equal(rewritten({ suite: value }), 'unsupported');
  }
});

const codeOfSession = (record: Uint8Array): string => codeOf(() => sessionFacts(record));

test('R-OPS-2: session records are exact: version, suite, flags, length, order of ordinals', () => {
  const { binh } = conversation();
  const good = binh.session;
  assert.equal(good.length, AT.end);
  assert.equal(codeOfSession(good), 'done');
  for (const version of [0, 2, 0x0a, 255]) assert.equal(codeOfSession(good.with(AT.version, version)), 'unsupported');
  for (const flags of [0, 4, 0x0a, 255]) assert.equal(codeOfSession(good.with(AT.flags, flags)), 'malformed');
  for (const suite of [0, 3, ...greaseValues()]) {
    const changed = good.slice();
    changed.set([suite >>> 8, suite & 0xff], AT.suite);
    assert.equal(codeOfSession(changed), 'unsupported');
  }
  assert.equal(codeOfSession(good.with(AT.skippedFirst + 3, 1)), 'malformed');
  assert.equal(codeOfSession(good.with(AT.skippedPeriod + 3, 1)), 'malformed');
  for (const length of [0, 1, 2, AT.end - 1]) assert.notEqual(codeOfSession(good.subarray(0, length)), 'done');
  assert.equal(codeOfSession(new Uint8Array([...good, 0])), 'malformed');
});

test('R-OPS-2: no damage to a record makes anything but a coded error or a message that cannot be read', () => {
  const { anh, binh } = conversation();
  const late = write(anh, 'late');
  assert.equal(read(binh, write(anh, 'one')), 'one');
  const next = write(anh, 'next');
  const mailbox = decodeEnvelope(next).mailbox;
  fc.assert(
    fc.property(fc.nat({ max: AT.end - 1 }), fc.integer({ min: 1, max: 255 }), (at, flip) => {
      const session = binh.session.with(at, binh.session[at]! ^ flip);
      const damaged = { ...binh, session };
      for (const run of [
        () => attempt(damaged, next),
        () => attempt(damaged, late),
        () => expectedTags(damaged.components, session, damaged.skipped),
        () => expireSkipped(session, 1_900_000_000_000),
        () =>
          encryptMessage(damaged.components, {
            session,
            opening: null,
            content: text('x'),
            mailbox,
            expiresAt: EXPIRES,
            urgency: 'high',
          }),
      ]) {
        const outcome = codeOf(run);
        assert.ok(['done', 'malformed', 'unsupported', 'parameters'].includes(outcome), outcome);
      }
    }),
    { numRuns: 300 },
  );
});

test('R-OPS-2: skipped-key and opening records are exact: version and length', () => {
  const { anh, binh } = conversation();
  write(anh, 'late');
  assert.equal(read(binh, write(anh, 'one')), 'one');
  const skipped = binh.skipped.get(0)!;
  assert.equal(
    codeOf(() => readSkipped(skipped)),
    'done',
  );
  assert.equal(
    codeOf(() => readSkipped(skipped.with(0, 2))),
    'unsupported',
  );
  for (const length of [1, 44])
    assert.equal(
      codeOf(() => readSkipped(skipped.subarray(0, length))),
      'malformed',
    );
  assert.equal(
    codeOf(() => readSkipped(new Uint8Array([...skipped, 0]))),
    'malformed',
  );
  const { opening } = firstContact().started;
  assert.equal(
    codeOf(() => readOpening(opening)),
    'done',
  );
  assert.equal(
    codeOf(() => readOpening(opening.with(0, 9))),
    'unsupported',
  );
  assert.equal(
    codeOf(() => readOpening(opening.subarray(0, 1233))),
    'malformed',
  );
  assert.equal(
    codeOf(() => readOpening(new Uint8Array(0))),
    'unsupported',
  );
});

test('facts of a session hold nothing secret and are copies', () => {
  const { binh } = conversation();
  const facts = sessionFacts(binh.session);
  const secrets = [AT.rootKey, AT.ownPrivate, AT.sendingChain, AT.receivingHeader].map((at) =>
    Buffer.from(binh.session.subarray(at, at + 32)).toString('hex'),
  );
  const printed = JSON.stringify(facts, (_, value: unknown) =>
    value instanceof Uint8Array ? Buffer.from(value).toString('hex') : value,
  );
  for (const secret of secrets) assert.ok(!printed.includes(secret));
  facts.hash.fill(0);
  assert.notDeepEqual(sessionFacts(binh.session).hash, facts.hash);
});
