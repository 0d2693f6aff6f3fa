import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CryptoProvider } from '@sotto/crypto';
import { portableProvider } from '@sotto/crypto/portable';
import { seededProvider } from '@sotto/crypto/simulation';
import { pairwiseComponents } from '@sotto/ratchet';
import { START, testDevice } from './support/devices.ts';
import { Party } from './support/party.ts';
import { native, text } from './support/world.ts';

function party(provider: CryptoProvider): Party {
  return new Party(pairwiseComponents({ provider, cachedKeys: 16 }), testDevice(provider), { now: START }, 1);
}

function talk(anh: Party, binh: Party): Uint8Array[] {
  const envelopes: Uint8Array[] = [];
  for (let turn = 0; turn < 3; turn++) {
    for (const [from, to] of [[anh, binh] as const, [binh, anh] as const]) {
      const envelope = from.send(text(`${turn}`), to);
      const received = to.receive(envelope, from);
      assert.ok(received.kind === 'message');
      assert.deepEqual(received.content, text(`${turn}`));
      envelopes.push(envelope);
    }
  }
  return envelopes;
}

test('R-APP-3: a device on the portable primitives and one on the native ones understand each other', () => {
  const portable = portableProvider({ random: (length) => native.random(length) });
  talk(party(native), party(portable));
  talk(party(portable), party(native));
});

function seededTalk(): Uint8Array[] {
  return talk(party(seededProvider(text('anh'))), party(seededProvider(text('binh'))));
}

test('with a seed, the same conversation gives the same bytes', () => {
  const [one, two] = [seededTalk(), seededTalk()];
  assert.deepEqual(one, two);
});
