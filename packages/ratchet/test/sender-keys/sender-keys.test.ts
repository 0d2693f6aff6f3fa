import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { nativeProvider } from '@sotto/crypto';
import { portableProvider } from '@sotto/crypto/portable';
import {
  acceptSenderKey,
  createSenderKey,
  decryptFromGroup,
  distributeSenderKey,
  encryptForGroup,
  parseSenderKeyDistribution,
  recogniseGroupMessage,
  senderKeyFacts,
  senderKeyTags,
} from '@sotto/ratchet';
import { idHex, isBucket, MAX_ENVELOPE_BYTES } from '@sotto/wire';
import { writePeerState } from '../../src/sender-keys/chain-state.ts';
import { refused } from '../refused.ts';
import { channel, components, HOUR, join, NOW, ownerOf, receive, send, text, textOf } from './group.ts';

const native = nativeProvider();
const on = components();

for (const provider of [native, portableProvider(native)]) {
  describe(`R-GRP-2 Sender Keys, ${provider.name}`, () => {
    it('what one member sends, every member that was given the key reads once', () => {
      const own = components(provider);
      const a = channel(own);
      const b = { peer: join(own, a.own, a.owner, a.roster), skipped: new Map<number, Uint8Array>() };
      const message = send(own, a, 'xin chào');
      const result = receive(own, a, message);
      assert.equal(textOf(result), 'xin chào');
      assert.deepEqual(result.kind === 'message' && result.roster, a.roster);
      assert.equal(textOf(receive(own, b, message)), 'xin chào');
      assert.equal(textOf(receive(own, b, message)), '(duplicate)');
    });
  });
}

describe('R-GRP-2 native and portable', () => {
  it('read each other', () => {
    const portable = components(portableProvider(native));
    const a = channel(on);
    assert.equal(textOf(receive(portable, a, send(on, a, 'one'))), 'one');
    assert.equal(textOf(receive(on, a, send(portable, a, 'two'))), 'two');
  });
});

describe('R-GRP-2 what a message shows', () => {
  it('fills a size bucket, and the largest content is the one that an envelope carries', () => {
    const a = channel(on);
    for (const length of [0, 1, 300, 1024, 50_000]) {
      assert.ok(isBucket(send(on, a, 'x'.repeat(length)).length));
    }
    const { message } = encryptForGroup(on, {
      ...a.own,
      roster: a.roster,
      content: new Uint8Array(MAX_ENVELOPE_BYTES - 64 - 158),
    });
    assert.ok(message.length < MAX_ENVELOPE_BYTES);
    const request = { ...a.own, roster: a.roster, content: new Uint8Array(MAX_ENVELOPE_BYTES - 64 - 157) };
    assert.throws(() => encryptForGroup(on, request), refused('too_long'));
  });

  it('no byte of it is the same in all messages of a chain, and none of its names occurs', () => {
    const a = channel(on);
    const messages = Array.from({ length: 100 }, () => send(on, a, 'the same text'));
    for (let i = 0; i < messages[0]!.length; i++) {
      assert.ok(new Set(messages.map((message) => message[i])).size > 50, `byte ${i} hardly changes`);
    }
    const { chain, owner } = senderKeyFacts(a.own);
    for (const name of [chain, owner.group, owner.account, owner.device, a.roster]) {
      assert.ok(messages.every((message) => !idHex(message).includes(idHex(name))));
    }
  });

  it('its tag is one that members expect, in order and for missing messages; others have no such tag', () => {
    const a = channel(on);
    const messages = Array.from({ length: 70 }, (_, i) => send(on, a, `${i}`));
    const expected = () => senderKeyTags(on, { ...a.peer, ahead: 70 }).map(({ index, tag }) => [index, idHex(tag)]);
    assert.deepEqual(
      expected().slice(0, 70),
      messages.map((message, i) => [i, tagOf(message)]),
    );
    receive(on, a, messages[3]!);
    receive(on, a, messages[1]!);
    assert.deepEqual(
      expected()
        .slice(0, 4)
        .map(([index]) => index),
      [0, 2, 4, 5],
    );
    assert.equal(expected()[1]![1], tagOf(messages[2]!));
    assert.equal(new Set(messages.map(tagOf)).size, 70);
  });

  it('without a tag, members still recognise it; those without the key do not', () => {
    const a = channel(on);
    const other = channel(on);
    send(on, a, 'lost');
    const message = send(on, a, 'second');
    assert.equal(recogniseGroupMessage(on, { record: a.peer.record, message }), 1);
    assert.equal(recogniseGroupMessage(on, { record: other.peer.record, message }), null);
    assert.equal(recogniseGroupMessage(on, { record: a.peer.record, message: message.subarray(0, 156) }), null);
    assert.equal(textOf(receive(on, other, message)), '(foreign)');
  });
});

describe('R-GRP-2 order, loss and time', () => {
  it('2,000 messages ahead is the furthest; their keys become records, which is also the most there are', () => {
    const a = channel(on);
    const early = send(on, a, 'early');
    for (let i = 1; i < 2000; i++) send(on, a, '');
    const far = send(on, a, 'far');
    const before = a.peer.state;
    const tooFar = send(on, a, 'too far');
    assert.throws(() => receive(on, a, tooFar), refused('too_far'));
    assert.deepEqual(a.peer.state, before);
    assert.equal(textOf(receive(on, a, far)), 'far');
    assert.equal(a.skipped.size, 2000);
    assert.equal(textOf(receive(on, a, tooFar)), 'too far');
    assert.equal(textOf(receive(on, a, early)), 'early');
    assert.equal(a.skipped.size, 1999);
    assert.equal(textOf(receive(on, a, early)), '(duplicate)');
    assert.deepEqual(senderKeyFacts(a.peer).skipped.length, 1999);
  });

  it('the oldest keys give way to newer ones', () => {
    const a = channel(on);
    const first = send(on, a, 'first');
    for (let i = 0; i < 1499; i++) send(on, a, '');
    receive(on, a, send(on, a, ''));
    const second = send(on, a, 'second');
    for (let i = 0; i < 999; i++) send(on, a, '');
    receive(on, a, send(on, a, ''));
    assert.equal(a.skipped.size, 2000);
    assert.equal(textOf(receive(on, a, first)), '(duplicate)');
    assert.equal(textOf(receive(on, a, second)), 'second');
    assert.equal(senderKeyFacts(a.peer).skipped.length, a.skipped.size);
  });

  it('after 21 days keys of missing messages are given up', () => {
    const a = channel(on);
    const lost = send(on, a, 'lost');
    receive(on, a, send(on, a, 'arrived'));
    const late = { now: NOW + 21 * 24 * HOUR };
    const inTime = { ...a, skipped: new Map(a.skipped) };
    assert.equal(textOf(receive(on, inTime, lost, late)), 'lost');
    receive(on, a, send(on, a, 'much later'), { now: NOW + 22 * 24 * HOUR });
    assert.equal(a.skipped.size, 0);
    assert.equal(textOf(receive(on, a, lost)), '(duplicate)');
  });

  it('who is given the key later reads from then on, and says so about what came before', () => {
    const a = channel(on);
    const before = send(on, a, 'before');
    const late = { peer: join(on, a.own, a.owner, a.roster), skipped: new Map<number, Uint8Array>() };
    assert.equal(textOf(receive(on, late, before)), '(before-joining)');
    assert.equal(textOf(receive(on, late, send(on, a, 'after'))), 'after');
  });

  it('a chain ends before its numbers do', () => {
    const a = channel(on);
    new DataView(a.own.state.buffer).setUint32(18, 0xffff_fffe);
    send(on, a, 'last');
    assert.throws(() => send(on, a, 'one too many'), refused('exhausted'));
  });
});

describe('R-GRP-2 distribution', () => {
  it('the same key again is known, and what the device has stays', () => {
    const a = channel(on);
    send(on, a, '');
    const received = parseSenderKeyDistribution(distributeSenderKey({ ...a.own, roster: a.roster }));
    const accept = (sender = a.owner) => acceptSenderKey(on, { received, sender, known: a.peer.record, now: NOW });
    assert.deepEqual(accept(), { kind: 'known' });
    assert.throws(() => accept({ ...a.owner, device: native.random(16) }), refused('conflict'));
    assert.throws(() => accept({ ...a.owner, group: native.random(32) }), refused('parameters'));
  });

  it('other keys under a known name are a conflict', () => {
    const a = channel(on);
    const received = parseSenderKeyDistribution(distributeSenderKey({ ...a.own, roster: a.roster }));
    const [one, other] = [native.random(32), native.generate('ed25519').publicKey];
    for (const keys of [{ headerKey: one }, { signatureKey: other }]) {
      const changed = { ...received, keys: { ...received.keys, ...keys } };
      const request = { received: changed, sender: a.owner, known: a.peer.record, now: NOW };
      assert.throws(() => acceptSenderKey(on, request), refused('conflict'));
    }
    const lowOrder = { ...received, keys: { ...received.keys, signatureKey: new Uint8Array(32) } };
    const request = { received: lowOrder, sender: a.owner, known: null, now: NOW };
    assert.throws(() => acceptSenderKey(on, request), refused('bad_key'));
  });

  it('ids of wrong lengths are refused where records are made', () => {
    const owner = ownerOf(native);
    for (const wrong of [{ group: new Uint8Array(0) }, { group: new Uint8Array(65) }, { device: new Uint8Array(15) }]) {
      assert.throws(() => createSenderKey(on, { owner: { ...owner, ...wrong }, now: NOW }), refused('parameters'));
    }
    const own = createSenderKey(on, { owner, now: NOW });
    assert.throws(() => distributeSenderKey({ ...own, roster: new Uint8Array(31) }), refused('parameters'));
    const request = { ...own, roster: new Uint8Array(33), content: text('') };
    assert.throws(() => encryptForGroup(on, request), refused('parameters'));
    const other = createSenderKey(on, { owner, now: NOW });
    assert.throws(
      () => distributeSenderKey({ ...own, state: other.state, roster: native.random(32) }),
      refused('parameters'),
    );
  });
});

describe('R-GRP-2 whoever seizes a state', () => {
  it('reads nothing that was decrypted before (forward secrecy)', () => {
    const a = channel(on);
    const earlier = send(on, a, 'earlier');
    receive(on, a, earlier);
    const { chain, next } = senderKeyFacts(a.peer);
    // The thief turns the counter back and tries with the chain key that is left.
    const state = writePeerState({ chain, next: next - 1, chainKey: a.peer.state.subarray(22, 54), skipped: [] });
    const request = { record: a.peer.record, state, message: earlier, now: NOW };
    assert.throws(() => decryptFromGroup(on, request), refused('not_authentic'));
  });

  it('reads nothing of the next sender key (healing by rotation)', () => {
    const a = channel(on);
    const stolen = { peer: a.peer, skipped: new Map(a.skipped) };
    a.own = createSenderKey(on, { owner: a.owner, now: NOW });
    const message = send(on, a, 'after rotation');
    assert.equal(textOf(receive(on, stolen, message)), '(foreign)');
    assert.equal(recogniseGroupMessage(on, { record: stolen.peer.record, message }), null);
  });

  it('reads nothing from what a call hands back to be wiped, once it is wiped', () => {
    const a = channel(on);
    const { state, message, wipe } = encryptForGroup(on, { ...a.own, roster: a.roster, content: text('one') });
    for (const bytes of wipe) bytes.fill(0);
    assert.throws(() => send(on, a, 'again from the old state'), refused('unsupported'));
    a.own = { ...a.own, state };
    const late = send(on, a, 'two');
    const [before, { peer }] = [a.peer.state, a];
    receive(on, a, late);
    const skipped = a.skipped.get(0)!;
    const result = decryptFromGroup(on, { ...a.peer, message, skipped, now: NOW });
    assert.ok(result.kind === 'message');
    assert.deepEqual(new Set(result.wipe), new Set([a.peer.state, skipped]));
    assert.deepEqual(decryptFromGroup(on, { ...peer, message, now: NOW }).kind, 'message');
    assert.ok(
      before.some((byte) => byte !== 0),
      'what was passed in is the caller’s and stays as it was',
    );
  });

  it('restored twice, a sender seals different texts under different keys, also for the same number', () => {
    const a = channel(on);
    const snapshot = a.own;
    const first = send(on, a, 'first');
    a.own = snapshot;
    const second = send(on, a, 'second');
    assert.notDeepEqual(first.subarray(8, 24), second.subarray(8, 24));
    const fork = { peer: a.peer, skipped: new Map(a.skipped) };
    assert.equal(textOf(receive(on, a, first)), 'first');
    assert.equal(textOf(receive(on, a, second)), '(duplicate)');
    assert.equal(textOf(receive(on, fork, second)), 'second');
  });
});

function tagOf(message: Uint8Array): string {
  return idHex(message.subarray(0, 8));
}
