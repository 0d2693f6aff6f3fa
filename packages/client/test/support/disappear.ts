import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import type { MessageRef } from '../../src/index.ts';
import { DAY, HOUR, MINUTE, pair } from './pair.ts';

type Side = 0 | 1;
type Step =
  | { readonly kind: 'timer'; readonly side: Side; readonly seconds: number | null }
  | { readonly kind: 'send' | 'read' | 'restart'; readonly side: Side }
  | { readonly kind: 'wait'; readonly ms: number }
  /** Both clocks are set. */
  | { readonly kind: 'jump'; readonly ms: number };

const side = fc.constantFrom<Side>(0, 1);

export const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant('timer' as const), side, seconds: fc.constantFrom(60, 3600, 7200, null) }),
  },
  { weight: 8, arbitrary: fc.record({ kind: fc.constantFrom('send' as const, 'read', 'restart'), side }) },
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant('wait' as const), ms: fc.constantFrom(MINUTE, 20 * MINUTE, 2 * HOUR) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('jump' as const), ms: fc.constantFrom(-DAY, -HOUR, HOUR) }) },
);

/** What is expected of one message at one person. Real time, which no clock can set. */
interface Expectation {
  readonly id: MessageRef;
  readonly text: string;
  readonly author: Side;
  readonly seconds: number;
  /** When its time began at each. */
  readonly began: [number | null, number | null];
}

/** Lets two people write, read, wait and restart under clocks that are set, and compares what they have with the rules. */
export async function disappear(steps: readonly Step[]): Promise<void> {
  await using scene = await pair();
  const { clock, conversation, alice, bob } = scene;
  const people = [alice, bob] as const;
  let skew = 0;
  let back = 0;
  let forward = 0;
  const real = (): number => clock.now() - skew;
  const expected: Expectation[] = [];
  let seconds = 0;

  async function check(): Promise<void> {
    for (const [at, { messenger }] of people.entries()) {
      for (const each of expected) {
        const { text } = each;
        const message = await messenger.message(each.id);
        const began = each.began[at as Side] ?? null;
        // The author hears of acceptance a moment after the test says so.
        if (each.seconds === 0 || began === null || real() + forward < began + each.seconds * 1000 - MINUTE) {
          assert.equal(message?.body.kind, 'text', `${text} is gone before its time`);
        } else if (real() > began + each.seconds * 1000 + back + MINUTE) {
          assert.equal(message, null, `${text} stays beyond its time`);
        }
      }
    }
  }

  for (const each of steps) {
    switch (each.kind) {
      case 'timer':
        seconds = each.seconds ?? 0;
        await people[each.side].messenger.send(conversation, { kind: 'timer', seconds: each.seconds });
        await clock.advance(5000);
        break;
      case 'send': {
        const text = `message ${expected.length}`;
        const { id } = await people[each.side].messenger.send(conversation, text);
        const began: [number | null, number | null] = [null, null];
        began[each.side] = real();
        expected.push({ id, text, author: each.side, seconds, began });
        await clock.advance(5000);
        break;
      }
      case 'read':
        for (const message of expected) {
          if (message.author !== each.side) message.began[each.side] ??= real();
        }
        await people[each.side].messenger.markRead(conversation);
        break;
      case 'restart':
        await people[each.side].reopen();
        break;
      case 'wait':
        await clock.advance(each.ms);
        break;
      case 'jump':
        clock.jump(each.ms);
        skew += each.ms;
        if (each.ms < 0) back -= each.ms;
        else forward += each.ms;
        // A little later, so that everyone has looked at the clock.
        await clock.advance(1000);
    }
    await check();
  }
  // After all of it and the longest timer, only what stays is there.
  for (const { messenger } of people) await messenger.markRead(conversation);
  await clock.advance(2 * HOUR + back + MINUTE);
  for (const { messenger } of people) {
    for (const { id, seconds: timer } of expected) {
      assert.equal((await messenger.message(id)) === null, timer > 0);
    }
  }
}
