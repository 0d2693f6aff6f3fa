import assert from 'node:assert/strict';
import { idHex } from '@sotto/wire';
import * as fc from 'fast-check';
import type { Effects } from '../../src/index.ts';
import { ManualClock } from './clock.ts';
import { MemoryGateway } from './memory-gateway.ts';
import { Person, texts } from './people.ts';

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

type Side = 0 | 1;
export type Step =
  | {
      readonly kind: 'send' | 'cut' | 'join' | 'restart' | 'lose' | 'repeat' | 'shuffle' | 'fence';
      readonly side: Side;
    }
  | { readonly kind: 'full'; readonly limit: number }
  | { readonly kind: 'forget' }
  | { readonly kind: 'wait'; readonly ms: number };

const side = fc.constantFrom<Side>(0, 1);
/** Something that happens to two contacts. */
export const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('send' as const), side }) },
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constantFrom('cut' as const, 'join', 'restart', 'lose', 'repeat', 'shuffle', 'fence'),
      side,
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('full' as const), limit: fc.constantFrom(0, 1, 1000) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('forget' as const) }) },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('wait' as const),
      ms: fc.constantFrom(SECOND, MINUTE, 20 * MINUTE, HOUR),
    }),
  },
);

/** Lets everything of a history happen to two contacts, then lets them recover, and compares what they have. */
export async function live(steps: readonly Step[]): Promise<void> {
  const clock = new ManualClock();
  const gateway = new MemoryGateway(clock);
  gateway.reconnectMs = 30 * SECOND;
  const effects: Partial<Effects> = { openTransport: gateway.openTransport, clock, random: () => 0.5 };
  const settings = { retryBaseMs: SECOND, retryMostMs: 5 * MINUTE, autoAccept: true };
  await using alice = await Person.create('alice', gateway.address, { effects, settings });
  await using bob = await Person.create('bob', gateway.address, { effects, settings });
  const { conversation } = await alice.messenger.addContact(await bob.messenger.contactLink());
  await clock.advance(MINUTE);
  const people = [alice, bob] as const;
  const devices = [...gateway.devices.keys()];
  const boxes = devices.map((device) => gateway.mailboxes.get(idHex(gateway.devices.get(device)!.mailbox))!);
  const sent: string[] = [];
  const capabilities = new Map(gateway.capabilities);

  for (const each of steps) {
    if (each.kind === 'wait') {
      await clock.advance(each.ms);
      continue;
    }
    if (each.kind === 'full') {
      gateway.mailboxLimit = each.limit;
      continue;
    }
    if (each.kind === 'forget') {
      // Restored from a copy made when they had just met.
      gateway.capabilities.clear();
      for (const [hash, mailbox] of capabilities) gateway.capabilities.set(hash, mailbox);
      continue;
    }
    const person = people[each.side];
    const device = devices[each.side]!;
    const box = boxes[each.side]!;
    switch (each.kind) {
      case 'send': {
        const text = `message ${sent.length}`;
        sent.push(text);
        await person.messenger.send(conversation, text).catch((cause: unknown) => {
          sent.pop();
          // Only while the other one is blocked.
          assert.equal((cause as { code?: string }).code, 'wrong_state');
        });
        break;
      }
      case 'cut':
        gateway.cutOff.add(device);
        box.wake();
        break;
      case 'join':
        gateway.cutOff.delete(device);
        break;
      case 'restart':
        await person.reopen();
        break;
      case 'lose':
        box.stored = box.stored.slice(1);
        break;
      case 'repeat':
        box.stored = [...box.stored, ...box.stored.map((stored) => ({ ...stored, sequence: ++box.sequence }))];
        break;
      case 'shuffle':
        box.stored = box.stored.toReversed();
        break;
      case 'fence': {
        const [contact] = await person.messenger.contacts();
        if (contact?.state === 'blocked') await person.messenger.unblock(contact.account);
        else if (contact?.state === 'accepted') await person.messenger.block(contact.account);
      }
    }
  }
  gateway.cutOff.clear();
  gateway.mailboxLimit = 1000;
  for (const { messenger } of people) {
    const [contact] = await messenger.contacts();
    if (contact?.state === 'blocked') await messenger.unblock(contact.account);
  }
  for (let hour = 0; hour < 72; hour++) await clock.advance(HOUR);

  // What was cancelled by blocking is known to have failed; everything else is there, once, in one order.
  const failed: string[] = [];
  for (const { messenger } of people) {
    for (const entry of (await messenger.history(conversation, { limit: 500 })).entries) {
      if (entry.kind !== 'message' || !entry.message.own || entry.message.state !== 'failed') continue;
      if (entry.message.body.kind === 'text') failed.push(entry.message.body.text);
    }
    assert.deepEqual(await messenger.outbox(), []);
  }
  const shown = await Promise.all(
    people.map(async ({ messenger }) =>
      (await texts(messenger, conversation)).filter((text) => !text.startsWith('gap') && !failed.includes(text)),
    ),
  );
  assert.deepEqual(shown[0], shown[1]);
  assert.deepEqual(shown[0]?.toSorted(), sent.filter((text) => !failed.includes(text)).toSorted());
}
