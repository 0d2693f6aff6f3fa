import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { MessengerError } from '../src/error.ts';
import { Emitter } from '../src/events/emitter.ts';

const low = (oneTime: number) => ({ type: 'prekeys-low' as const, oneTime, oneTimeKem: 0 });

suite('R-APP-5 typed events', () => {
  test('a listener that throws or rejects disturbs nobody and is reported', async () => {
    const events = new Emitter();
    const seen: number[] = [];
    const problems: MessengerError[] = [];
    events.on('problem', ({ error }) => void problems.push(error));
    events.on('prekeys-low', () => {
      throw new Error('first');
    });
    events.on('prekeys-low', () => Promise.reject(new Error('second')));
    events.on('prekeys-low', ({ oneTime }) => void seen.push(oneTime));
    events.emit(low(1));
    await Promise.resolve();
    await Promise.resolve();
    assert.deepEqual(seen, [1]);
    assert.deepEqual(
      problems.map((problem) => problem.code),
      ['listener_failed', 'listener_failed'],
    );
  });

  test('a listener of problems that fails ends there', () => {
    const events = new Emitter();
    events.on('problem', () => {
      throw new Error('again');
    });
    events.on('prekeys-low', () => {
      throw new Error('first');
    });
    events.emit(low(1));
  });

  test('what is stopped hears nothing more', () => {
    const events = new Emitter();
    let heard = 0;
    const listener = (): void => void heard++;
    const stop = events.on('prekeys-low', listener);
    events.on('prekeys-low', listener);
    events.emit(low(1));
    stop();
    events.emit(low(2));
    assert.equal(heard, 3);
  });

  test('a stream gives events in order from the call on, only of the names asked for', async () => {
    const events = new Emitter();
    events.emit(low(0));
    const stream = events.stream(['prekeys-low']);
    events.emit(low(1));
    events.emit({ type: 'offline-sync-started', address: '' });
    events.emit(low(2));
    assert.equal((await stream.next()).value?.oneTime, 1);
    assert.equal((await stream.next()).value?.oneTime, 2);
    const waiting = stream.next();
    events.emit(low(3));
    assert.equal((await waiting).value?.oneTime, 3);
  });

  test('a slow reader gets what was buffered, then a named error, and no memory grows', async () => {
    const events = new Emitter();
    const stream = events.stream(['prekeys-low'], { buffer: 2 });
    for (let i = 0; i < 10; i++) events.emit(low(i));
    assert.equal((await stream.next()).value?.oneTime, 0);
    assert.equal((await stream.next()).value?.oneTime, 1);
    await assert.rejects(stream.next(), { code: 'slow_consumer' });
    assert.equal((await stream.next()).done, true);
  });

  test('closing tells why, ends streams after what is buffered, and rejects waits', async () => {
    const events = new Emitter();
    const stream = events.stream();
    const wait = events.next('prekeys-low');
    events.close('asked');
    await assert.rejects(wait, { code: 'closed' });
    const closed = (await stream.next()).value;
    assert.equal(closed?.type === 'closed' && closed.why, 'asked');
    assert.equal((await stream.next()).done, true);
    await assert.rejects(events.next('prekeys-low'), { code: 'closed' });
  });

  test('waits and streams end when their signal aborts', async () => {
    const events = new Emitter();
    const controller = new AbortController();
    const { signal } = controller;
    const wait = events.next('prekeys-low', { signal, where: ({ oneTime }) => oneTime > 5 });
    const stream = events.stream([], { signal });
    events.emit(low(1));
    controller.abort();
    await assert.rejects(wait, { code: 'aborted' });
    assert.equal((await stream.next()).done, false);
    assert.equal((await stream.next()).done, true);
    await assert.rejects(events.next('prekeys-low', { signal }), { code: 'aborted' });
  });
});
