import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import * as fc from 'fast-check';
import { addSession, outlived, RECEIVE_ONLY_MS, sendingSession } from '../src/sessions/choose.ts';
import type { SessionFacts } from '../src/sessions/choose.ts';

const session = (id: string, own: boolean, confirmed = false): SessionFacts => ({
  name: `session/peer/${id}`,
  startedAt: 0,
  own,
  confirmed,
  retiredUntil: 0,
});

suite('which session sends', () => {
  test('both start at once: both sides settle on the same session, and keep the other for receiving', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[0-9a-f]{4}$/), fc.stringMatching(/^[0-9a-f]{4}$/), (x, y) => {
        fc.pre(x !== y);
        const alice = addSession(addSession([], session(x, true), 0), session(y, false), 1);
        const bob = addSession(addSession([], session(y, true), 0), session(x, false), 1);
        assert.equal(sendingSession(alice)?.name, sendingSession(bob)?.name);
        for (const sessions of [alice, bob]) {
          assert.equal(sessions.length, 2);
          assert.deepEqual(outlived(sessions, RECEIVE_ONLY_MS), []);
          assert.equal(outlived(sessions, 1 + RECEIVE_ONLY_MS).length, 1);
        }
      }),
    );
  });

  test('a session started to heal replaces a confirmed one at both sides', () => {
    const alice = addSession([session('a', true, true)], session('b', true), 5);
    const bob = addSession([session('a', false, true)], session('b', false), 5);
    assert.equal(sendingSession(alice)?.name, 'session/peer/b');
    assert.equal(sendingSession(bob)?.name, 'session/peer/b');
    const other = addSession([session('a', true, true)], session('b', false), 5);
    assert.equal(sendingSession(other)?.name, 'session/peer/b');
  });

  test('of two that the other side started, the later counts, whichever arrives first', () => {
    const early = { ...session('a', false, true), startedAt: 1000 };
    const late = { ...session('b', false, true), startedAt: 2000 };
    for (const order of [
      [early, late],
      [late, early],
    ]) {
      let sessions: SessionFacts[] = [];
      for (const each of order) sessions = addSession(sessions, each, 5);
      assert.equal(sendingSession(sessions)?.name, late.name);
    }
  });

  test('there is always at most one that sends', () => {
    const any = fc.record({ id: fc.nat(20).map(String), own: fc.boolean(), confirmed: fc.boolean() });
    fc.assert(
      fc.property(fc.array(any, { maxLength: 12 }), (added) => {
        let sessions: SessionFacts[] = [];
        for (const each of added) sessions = addSession(sessions, session(each.id, each.own, each.confirmed), 1);
        assert.equal(sessions.filter((each) => each.retiredUntil === 0).length, added.length > 0 ? 1 : 0);
      }),
    );
  });
});
