import assert from 'node:assert/strict';
import type { Effects, Settings } from '../../src/index.ts';
import { ManualClock } from './clock.ts';
import { MemoryGateway } from './memory-gateway.ts';
import { Person } from './people.ts';
import { addDevice } from './second-device.ts';

export const SECOND = 1000;
export const MINUTE = 60 * SECOND;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;

/** Two contacts, perhaps with a second device of Bob's, under a clock that is moved by hand. */
export async function pair(options: { readonly settings?: Partial<Settings>; readonly bobs?: 1 | 2 } = {}) {
  const settings = { retryBaseMs: SECOND, retryMostMs: 5 * MINUTE, settingsDelayMs: 50, ...options.settings };
  const clock = new ManualClock();
  const gateway = new MemoryGateway(clock);
  gateway.reconnectMs = 30 * SECOND;
  const effects: Partial<Effects> = { openTransport: gateway.openTransport, clock, random: () => 0.5 };
  const alice = await Person.create('alice', gateway.address, { effects, settings });
  const bob = await Person.create('bob', gateway.address, { effects, settings: { autoAccept: true, ...settings } });
  const people = [alice, bob];
  if (options.bobs === 2) {
    people.push(await addDevice(bob, 'tablet', clock.now()));
    await clock.advance(MINUTE);
  }
  const { conversation } = await alice.messenger.addContact(await bob.messenger.contactLink());
  await clock.advance(MINUTE);
  assert.equal((await alice.messenger.contacts())[0]?.state, 'accepted');
  const [deviceA = '', deviceB = '', deviceT = ''] = gateway.devices.keys();
  return {
    clock,
    gateway,
    alice,
    bob,
    /** Bob's second device, where it was asked for. */
    tablet: people[2]!,
    conversation,
    deviceA,
    deviceB,
    deviceT,
    async [Symbol.asyncDispose]() {
      for (const person of people) await person[Symbol.asyncDispose]();
      assert.equal(clock.pending, 0, 'timers are left');
    },
  };
}
