import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import * as fc from 'fast-check';
import {
  addSession,
  MOST_SESSIONS,
  newestStart,
  outlived,
  RECEIVE_ONLY_MS,
  sendingSession,
} from '../src/sessions/choose.ts';
import type { SessionFacts } from '../src/sessions/choose.ts';

const MINUTE = 60_000;

const session = (id: string, own: boolean, startedAt = 0): SessionFacts => ({
  name: `session/peer/${id}`,
  startedAt,
  own,
  retiredUntil: 0,
});

/** A side as the sessions of a client behave, over envelopes that name their session. */
class Side {
  sessions: readonly SessionFacts[] = [];
  readonly arriving: SessionFacts[] = [];
  /** Of the clock, ms. */
  readonly skew: number;

  constructor(skew: number) {
    this.skew = skew;
  }

  send(to: Side, id: string, now: number): void {
    let current = sendingSession(this.sessions);
    if (current === null) {
      const replaced = newestStart(this.sessions);
      // As the engine does: what replaces another begins later, and not at once with it.
      const startedAt = Math.max(now + this.skew, replaced === null ? 0 : replaced + 601_000);
      this.sessions = addSession(this.sessions, session(id, true, startedAt), now);
      current = sendingSession(this.sessions)!;
    }
    to.arriving.push({ ...current, own: !current.own, retiredUntil: 0 });
  }

  receive(pick: number, now: number): void {
    const [each] = this.arriving.splice(pick % Math.max(1, this.arriving.length), 1);
    if (each === undefined || this.sessions.some(({ name }) => name === each.name)) return;
    this.sessions = addSession(this.sessions, each, now);
  }

  /** No receipt came: the next message begins a new session. */
  heal(now: number): void {
    this.sessions = this.sessions.map((each) =>
      each.retiredUntil === 0 ? { ...each, retiredUntil: now + RECEIVE_ONLY_MS } : each,
    );
  }
}

suite('which session sends', () => {
  test('R-PAIR-2 both sides send on one session once everything has arrived, in whatever order, healed or begun at once', () => {
    const side = fc.constantFrom(0, 1);
    const event = fc.oneof(
      fc.record({ kind: fc.constantFrom('send' as const, 'receive' as const), side, pick: fc.nat(255) }),
      fc.record({ kind: fc.constantFrom('heal' as const, 'wait' as const), side, pick: fc.nat(255) }),
    );
    const skew = fc.integer({ min: -20 * MINUTE, max: 20 * MINUTE });
    fc.assert(
      fc.property(fc.array(event, { maxLength: 40 }), skew, (events, behind) => {
        const sides = [new Side(0), new Side(behind)] as const;
        let now = 1_800_000_000_000;
        for (const [at, { kind, side: number, pick }] of events.entries()) {
          const [own, other] = number === 0 ? sides : [sides[1], sides[0]];
          const id = `${pick.toString(16).padStart(2, '0')}${at.toString(16).padStart(2, '0')}`;
          if (kind === 'send') own.send(other, id, now);
          else if (kind === 'receive') own.receive(pick, now);
          else if (kind === 'heal') own.heal(now);
          else now += pick * 5000;
        }
        const [one, two] = sides;
        for (const [own, other, id] of [[one, two, 'aaaa'] as const, [two, one, 'bbbb'] as const]) {
          while (own.arriving.length > 0) own.receive(0, now);
          own.send(other, id, now);
          while (other.arriving.length > 0) other.receive(0, now);
        }
        assert.equal(sendingSession(one.sessions)?.name, sendingSession(two.sessions)?.name);
      }),
      { numRuns: 1000 },
    );
  });

  test('both start at once: both sides settle on the same session, and keep the other for receiving', () => {
    const alice = addSession(addSession([], session('0a', true), 0), session('0b', false), 1);
    const bob = addSession(addSession([], session('0b', true), 0), session('0a', false), 1);
    for (const sessions of [alice, bob]) {
      assert.equal(sendingSession(sessions)?.name, 'session/peer/0a');
      assert.equal(sessions.length, 2);
      assert.deepEqual(outlived(sessions, RECEIVE_ONLY_MS - 1), []);
      assert.deepEqual(
        outlived(sessions, 1 + RECEIVE_ONLY_MS).map(({ name }) => name),
        ['session/peer/0b'],
      );
    }
  });

  test('a session that is older than the one that sends only receives', () => {
    const late = session('0b', false, 60 * MINUTE);
    const sessions = addSession([late], session('0a', false), 5);
    assert.equal(sendingSession(sessions)?.name, late.name);
    assert.equal(sendingSession(addSession([late], session('0c', false, 120 * MINUTE), 5))?.name, 'session/peer/0c');
  });

  test('R-OPS-2 with one device so many sessions are kept and no more: the oldest are over, never the one that sends', () => {
    let sessions: readonly SessionFacts[] = [];
    for (let at = 0; at < 3 * MOST_SESSIONS; at++) {
      // Half of them claim to be old.
      const startedAt = at % 2 === 0 ? at * MINUTE : at;
      sessions = addSession(sessions, session(at.toString(16).padStart(2, '0'), at % 3 === 0, startedAt), 5);
      const over = outlived(sessions, 5);
      assert.equal(over.length, Math.max(0, sessions.length - MOST_SESSIONS));
      const kept = sessions.filter((each) => !over.includes(each));
      assert.ok(kept.some((each) => each.retiredUntil === 0));
      for (const each of over)
        assert.ok(kept.every((other) => other.startedAt >= each.startedAt || other.retiredUntil === 0));
      sessions = kept;
    }
  });

  test('there is always exactly one that sends', () => {
    const any = fc.record({ id: fc.nat(20).map(String), own: fc.boolean(), startedAt: fc.nat(MINUTE * 60) });
    fc.assert(
      fc.property(fc.array(any, { minLength: 1, maxLength: 12 }), (added) => {
        let sessions: readonly SessionFacts[] = [];
        for (const each of added) sessions = addSession(sessions, session(each.id, each.own, each.startedAt), 1);
        assert.equal(sessions.filter((each) => each.retiredUntil === 0).length, 1);
      }),
    );
  });
});
