import assert from 'node:assert/strict';
import { test } from 'node:test';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { WireType } from '@bufbuild/protobuf/wire';
import * as fc from 'fast-check';
import {
  accountId,
  conversationId,
  decodeContent,
  encodeContent,
  MAX_CONTENT_BYTES,
  MAX_PARENTS,
  MAX_TEXT_BYTES,
  messageId,
  messageIdOf,
  deviceId,
  directConversationId,
  Receipt_Kind,
  statementHash,
} from '@sotto/wire';
import type { ContentDraft } from '@sotto/wire';
import { ContentSchema } from '../src/gen/sotto/wire/v1/content_pb.ts';
import { bytesOf, codeOf, sha256 } from './support.ts';

const hash = (fill: number) => new Uint8Array(32).fill(fill);
const base = {
  conversation: conversationId(hash(1)),
  counter: 3,
  height: 2,
  parents: [messageId(hash(2))],
  sentAt: 1_800_000_000_123,
  chainHead: { account: accountId(hash(3)), sequence: 4, hash: statementHash(hash(5)), seenAt: 6 },
} as const;
const addresses = {
  addresses: [
    {
      device: hash(1).subarray(16),
      gateway: `sotto://127.0.0.1:8443/${'a'.repeat(52)}`,
      mailbox: hash(2).subarray(16),
      capability: hash(3),
    },
  ],
  revision: 2n,
};
const bodies: ContentDraft['body'][] = [
  { kind: 'text', value: { body: 'Xin chào, мир 👋', replyTo: hash(9), forwarded: true } },
  // "chào" and the hand: positions are bytes of UTF-8.
  {
    kind: 'text',
    value: {
      body: 'Xin chào, мир 👋',
      mentions: [
        { account: hash(6), start: 4, length: 5 },
        { account: hash(7), start: 18, length: 4 },
      ],
    },
  },
  { kind: 'reaction', value: { message: hash(9), emoji: '👍🏽' } },
  { kind: 'edit', value: { message: hash(9), body: 'other' } },
  { kind: 'delete', value: { message: hash(9) } },
  { kind: 'receipt', value: { kind: Receipt_Kind.READ, messages: [hash(9), hash(8)] } },
  {
    kind: 'contactRequest',
    value: { profile: { name: 'Ann', revision: 1n }, addresses, greeting: 'hi', accountName: 'ann' },
  },
  { kind: 'contactAnswer', value: { accepted: true, addresses } },
  { kind: 'profile', value: { name: 'Ann', avatarHash: hash(4), revision: 9n } },
  { kind: 'addresses', value: addresses },
  { kind: 'syncState', value: { contact: hash(7), read: [hash(8)] } },
  { kind: 'sessionRefresh', value: {} },
  { kind: 'setTimer', value: { seconds: 86_400 } },
  { kind: 'pin', value: { message: hash(9), pinned: true } },
];
const controls: ContentDraft['body'][] = [
  {
    kind: 'conversationSync',
    value: {
      settings: {
        archived: { on: true, setAt: 1n },
        mute: { until: BigInt(Number.MAX_SAFE_INTEGER), setAt: 2n },
        draft: { body: 'begun', replyTo: hash(9), setAt: 3n },
      },
      hidden: [hash(9)],
    },
  },
  {
    kind: 'retryRequest',
    value: { envelopes: [{ envelope: hash(1), tag: hash(1).subarray(24) }], messages: [hash(2)] },
  },
  { kind: 'retryAnswer', value: { found: [{ envelope: hash(1), message: hash(2) }], unavailable: [hash(3)] } },
  { kind: 'backfill', value: { author: hash(1), device: hash(2).subarray(16), content: Uint8Array.of(1) } },
];

test('every kind of content survives a round trip', () => {
  for (const body of bodies) {
    const bytes = encodeContent({ ...base, body });
    const content = decodeContent(bytes);
    assert.equal(content.body.kind, body.kind);
    assert.deepEqual({ ...content, body: null }, { ...base, timer: null, version: 1, unknownFields: [], body: null });
    assert.deepEqual(encodeContent(content), bytes);
  }
  for (const body of controls) {
    const bytes = encodeContent({ ...base, counter: 0, height: 0, body });
    assert.deepEqual(encodeContent(decodeContent(bytes)), bytes);
  }
  const timer = { seconds: 60, setBy: messageId(hash(8)), height: 1 };
  assert.deepEqual(decodeContent(encodeContent({ ...base, timer, body: bodies[0]! })).timer, timer);
  const typing = encodeContent({ ...base, counter: 0, height: 0, body: { kind: 'typing', value: { active: true } } });
  assert.deepEqual(decodeContent(typing).body.kind, 'typing');
});

const message = (change: object) => ({ version: 1, conversation: base.conversation, ...change });
const field = (no: number) => ({ no, wireType: WireType.LengthDelimited, data: Uint8Array.of(3, 1, 2, 3) });

test('a kind, a field and a version of a newer program survive a round trip', () => {
  const newerKind = create(ContentSchema, message({ counter: 1n, height: 1n }));
  newerKind.$unknown = [field(99)];
  const newerField = create(
    ContentSchema,
    message({ counter: 1n, height: 1n, kind: { case: 'text', value: { body: 'a' } } }),
  );
  newerField.$unknown = [field(9)];
  if (newerField.kind.case === 'text') newerField.kind.value.$unknown = [field(12)];
  const newerVersion = create(ContentSchema, message({ version: 2, kind: { case: 'text', value: { body: 'b' } } }));
  for (const [wire, kind] of [
    [newerKind, 'unknown'],
    [newerField, 'text'],
    [newerVersion, 'unknown'],
  ] as const) {
    const bytes = toBinary(ContentSchema, wire);
    const content = decodeContent(bytes);
    assert.equal(content.body.kind, kind);
    assert.deepEqual(fromBinary(ContentSchema, encodeContent(content)), fromBinary(ContentSchema, bytes));
  }
});

const text = (change: object) => ({ ...base, body: { kind: 'text' as const, value: { body: 'a' } }, ...change });
const withBody = (kind: string, value: object) => text({ body: { kind, value } });

const control = (kind: string, value: object) => ({ ...withBody(kind, value), counter: 0, height: 0 });

test('every limit is enforced on both sides, by name', () => {
  const cases: [string, ContentDraft, string][] = [
    ['long text', withBody('text', { body: 'é'.repeat(MAX_TEXT_BYTES / 2 + 1) }), 'too_large'],
    ['many parents', text({ parents: Array.from({ length: MAX_PARENTS + 1 }, () => messageId(hash(1))) }), 'too_large'],
    ['short parent', text({ parents: [new Uint8Array(31)] }), 'length'],
    ['short conversation', text({ conversation: new Uint8Array(16) }), 'length'],
    ['no counter', text({ counter: 0, height: 0 }), 'range'],
    ['no height', text({ height: 0 }), 'range'],
    ['far future', text({ sentAt: Number.MAX_SAFE_INTEGER }), 'range'],
    ['short reply', withBody('text', { body: 'a', replyTo: new Uint8Array(5) }), 'length'],
    [
      'mention outside',
      withBody('text', { body: 'ab', mentions: [{ account: hash(1), start: 1, length: 2 }] }),
      'range',
    ],
    ['mention of nothing', withBody('text', { body: 'ab', mentions: [{ account: hash(1), length: 0 }] }), 'range'],
    ['mention cutting', withBody('text', { body: 'é', mentions: [{ account: hash(1), length: 1 }] }), 'range'],
    ['mention of nobody', withBody('text', { body: 'ab', mentions: [{ length: 1 }] }), 'length'],
    [
      'mentions crossing',
      withBody('edit', {
        message: hash(1),
        body: 'abc',
        mentions: [
          { account: hash(1), length: 2 },
          { account: hash(1), start: 1, length: 1 },
        ],
      }),
      'range',
    ],
    [
      'many mentions',
      withBody('text', {
        body: 'a'.repeat(65),
        mentions: Array.from({ length: 65 }, (_, start) => ({ account: hash(1), start, length: 1 })),
      }),
      'too_large',
    ],
    ['long timer', withBody('setTimer', { seconds: 365 * 86_400 + 1 }), 'range'],
    ['timer of the future', text({ timer: { seconds: 1, setBy: messageId(hash(1)), height: 2 } }), 'range'],
    ['timer set by nothing', text({ timer: { seconds: 1, setBy: new Uint8Array(3), height: 1 } }), 'length'],
    ['counted question', withBody('retryRequest', { messages: [hash(1)] }), 'range'],
    ['empty question', control('retryRequest', {}), 'malformed'],
    ['long question', control('retryRequest', { messages: Array.from({ length: 33 }, () => hash(1)) }), 'too_large'],
    ['untagged question', control('retryRequest', { envelopes: [{ envelope: hash(1) }] }), 'length'],
    [
      'odd question',
      control('retryRequest', { envelopes: [{ envelope: new Uint8Array(31), tag: hash(1).subarray(24) }] }),
      'length',
    ],
    ['empty answer', control('retryAnswer', {}), 'malformed'],
    ['odd answer', control('retryAnswer', { found: [{ envelope: hash(1) }] }), 'length'],
    ['empty backfill', control('backfill', { author: hash(1), device: hash(1).subarray(16) }), 'malformed'],
    [
      'long draft',
      control('conversationSync', { settings: { draft: { body: 'a'.repeat(MAX_TEXT_BYTES + 1) } } }),
      'too_large',
    ],
    ['mute of the future', control('conversationSync', { settings: { mute: { until: 2n ** 60n } } }), 'range'],
    ['long emoji', withBody('reaction', { message: hash(1), emoji: 'x'.repeat(65) }), 'too_large'],
    ['empty receipt', withBody('receipt', { kind: Receipt_Kind.READ, messages: [] }), 'malformed'],
    ['odd receipt', withBody('receipt', { kind: 7, messages: [hash(1)] }), 'range'],
    ['stored typing', withBody('typing', { active: true }), 'range'],
    ['long name', withBody('profile', { name: 'x'.repeat(65) }), 'too_large'],
    ['bad avatar', withBody('profile', { name: 'x', avatarHash: new Uint8Array(3) }), 'length'],
    ['long greeting', withBody('contactRequest', { greeting: 'x'.repeat(513) }), 'too_large'],
    ['bad account name', withBody('contactRequest', { accountName: 'A' }), 'text'],
    ['bad address', withBody('addresses', { addresses: [{ ...addresses.addresses[0], gateway: 'x' }] }), 'malformed'],
    [
      'short capability',
      withBody('addresses', {
        addresses: [{ ...addresses.addresses[0], capability: hash(1).subarray(1) }],
      }),
      'length',
    ],
  ];
  for (const [name, draft, code] of cases)
    assert.equal(
      codeOf(() => encodeContent(draft)),
      code,
      name,
    );
  assert.equal(
    codeOf(() => decodeContent(new Uint8Array(MAX_CONTENT_BYTES + 1))),
    'too_large',
  );
  const none = toBinary(ContentSchema, create(ContentSchema, { version: 1, conversation: hash(1) }));
  assert.equal(
    codeOf(() => decodeContent(none)),
    'malformed',
  );
  for (const version of [0, 0x1a1a]) {
    const bytes = toBinary(ContentSchema, create(ContentSchema, { version, conversation: hash(1) }));
    assert.equal(
      codeOf(() => decodeContent(bytes)),
      'unknown_version',
    );
  }
});

test('text that is not Unicode is refused', () => {
  const bytes = encodeContent({ ...base, body: { kind: 'text', value: { body: 'abcd' } } });
  const at = bytes.indexOf(0x61);
  bytes[at] = 0xff;
  assert.equal(
    codeOf(() => decodeContent(bytes)),
    'malformed',
  );
  assert.notEqual(
    codeOf(() => encodeContent({ ...base, body: { kind: 'text', value: { body: '\ud800' } } })),
    null,
  );
});

test('mutated contents are refused by name or read as something else, and never crash', () => {
  const samples = bodies.map((body) => encodeContent({ ...base, body }));
  fc.assert(
    fc.property(fc.constantFrom(...samples), fc.nat(), fc.nat(255), fc.nat(3), (sample, at, value, how) => {
      const where = at % sample.length;
      const parts = [sample.slice(0, where), sample.slice(where)] as const;
      const changed =
        how === 0
          ? sample.with(where, value)
          : how === 1
            ? Uint8Array.from([...parts[0], value, ...parts[1]])
            : how === 2
              ? Uint8Array.from([...parts[0], ...parts[1].subarray(1)])
              : parts[0];
      codeOf(() => encodeContent(decodeContent(changed)));
    }),
    { numRuns: 2000 },
  );
});

test('ids of messages and conversations are what the contract says', () => {
  fc.assert(
    fc.property(bytesOf(16), bytesOf(32), bytesOf(32), (device, a, b) => {
      assert.deepEqual(
        messageIdOf(deviceId(device), a, sha256),
        sha256(new TextEncoder().encode('sotto/v1/message'), device, a),
      );
      const conversation = directConversationId(accountId(a), accountId(b), sha256);
      assert.deepEqual(conversation, directConversationId(accountId(b), accountId(a), sha256));
      const sorted = Buffer.compare(a, b) <= 0 ? [a, b] : [b, a];
      assert.deepEqual(conversation, sha256(new TextEncoder().encode('sotto/v1/conversation-direct'), ...sorted));
    }),
  );
});
