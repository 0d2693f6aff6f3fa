import assert from 'node:assert/strict';
import { test } from 'node:test';
import { create } from '@bufbuild/protobuf';
import { nativeProvider } from '@sotto/crypto';
import {
  accountId,
  ContactDecision_State,
  decodeContent,
  deviceId,
  directConversationId,
  encodeContent,
} from '@sotto/wire';
import type { AccountId } from '@sotto/wire';
import { StoredContactSchema } from '@sotto/wire/stored';
import type { MessengerEvent } from '../src/events/types.ts';
import type { Opened } from '../src/inbox/opened.ts';
import { openedId, take } from '../src/inbox/take.ts';

const provider = nativeProvider();
const [self, bob, mallory] = [1, 2, 3].map((fill) => accountId(new Uint8Array(32).fill(fill))) as [
  AccountId,
  AccountId,
  AccountId,
];

/** What a contact's typing in the conversation of `self` with `other` leads to. */
function typing(from: AccountId, other: AccountId): MessengerEvent[] {
  const emitted: MessengerEvent[] = [];
  const conversation = directConversationId(self, other, (...parts) => provider.hash('sha256', ...parts));
  const bytes = encodeContent({
    conversation,
    counter: 0,
    parents: [],
    height: 0,
    sentAt: 0,
    chainHead: null,
    body: { kind: 'typing', value: { active: true } },
  });
  const core = { provider, self: { account: self } };
  const device = deviceId(new Uint8Array(16));
  const decision = { state: ContactDecision_State.ACCEPTED };
  const opened = {
    tx: { emit: (event: MessengerEvent) => emitted.push(event) },
    core,
    account: from,
    device,
    content: decodeContent(bytes),
    bytes,
    id: openedId(core as Opened['core'], { device, bytes }),
    contact: create(StoredContactSchema, { account: from, decision }),
    known: true,
  };
  take(opened as unknown as Opened);
  return emitted;
}

test('a contact types in the conversation with itself only, and in nobody else’s name', () => {
  assert.deepEqual(
    typing(bob, bob).map(({ type }) => type),
    ['typing'],
  );
  assert.throws(() => typing(mallory, bob), { name: 'NotTaken', reason: 'invalid-content' });
});
