import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Alarm } from '../src/core/alarm.ts';
import { Background } from '../src/core/background.ts';
import { Emitter } from '../src/events/emitter.ts';
import { ManualClock } from './support/clock.ts';

test('work that ends after the messenger was closed leaves no timer behind', async () => {
  const clock = new ManualClock();
  const background = new Background(new Emitter());
  let rung = 0;
  const alarm = new Alarm({ clock, background }, () => rung++);
  alarm.set(clock.now() + 10);
  await clock.advance(10);
  assert.equal(rung, 1);
  await background.close();
  alarm.set(clock.now() + 10);
  assert.equal(clock.pending, 0);
});
