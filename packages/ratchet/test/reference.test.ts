import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { KeyKind, PrivateKey } from '@sotto/crypto';
import { readPrekeyRecord } from '@sotto/ratchet';
import type { PrekeyName } from '@sotto/ratchet';
import { decodeEnvelope } from '@sotto/wire';
import { read, write } from './support/conversation.ts';
import type { Side } from './support/conversation.ts';
import { pick } from './support/devices.ts';
import { EXPIRES, firstContact, firstMessage } from './support/first-contact.ts';
import { ReferenceResponder } from './support/reference.ts';
import { native, text } from './support/world.ts';

test('a responder written from the specification alone accepts, answers, turns, skips and is understood', () => {
  const contact = firstContact({ content: text('xin chào') });
  const { anh, binh, components, prekeys } = contact;
  const privateKey = <Kind extends KeyKind>(kind: Kind, name: PrekeyName): PrivateKey<Kind> =>
    native.importPrivate(kind, readPrekeyRecord(pick(prekeys, name).record).bytes);
  const { session, content } = ReferenceResponder.accept(
    {
      device: binh.local.device,
      mailbox: binh.mailbox,
      head: binh.local.head,
      ed25519: binh.local.ed25519,
      identity: binh.local.identityKey,
      sealing: privateKey('x-wing', 'sealing'),
      signed: privateKey('x25519', 'signed'),
      oneTime: privateKey('x25519', 'one-time'),
      kem: privateKey('ml-kem-768', 'one-time-kem'),
    },
    anh.local,
    decodeEnvelope(contact.envelope),
  );
  assert.equal(content.toString(), 'xin chào');

  const second = firstMessage(components, contact.session, contact.started, binh, text('hai'));
  const side: Side = { components, session: second.session, skipped: new Map() };
  const answer = (value: string): Uint8Array => session.encrypt(text(value), anh.mailbox, EXPIRES);
  assert.equal(read(side, answer('chào')), 'chào');
  const understood = (envelope: Uint8Array): string => session.decrypt(decodeEnvelope(envelope)).toString();
  for (let round = 0; round < 3; round++) {
    const late = write(side, 'late');
    const [lost, seen] = [answer('lost'), answer('seen')];
    for (let i = 0; i < 20; i++) assert.equal(understood(write(side, `${i}`)), `${i}`);
    assert.equal(read(side, seen), 'seen');
    assert.equal(read(side, answer(`turn ${round}`)), `turn ${round}`);
    assert.equal(understood(late), 'late');
    assert.equal(read(side, lost), 'lost');
    assert.notEqual(read(side, lost), 'lost');
  }
});
