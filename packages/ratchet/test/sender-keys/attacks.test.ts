import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { nativeProvider } from '@sotto/crypto';
import {
  acceptSenderKey,
  decryptFromGroup,
  distributeSenderKey,
  encryptForGroup,
  parseSenderKeyDistribution,
  RatchetError,
  recogniseGroupMessage,
  senderKeyTags,
} from '@sotto/ratchet';
import { idHex } from '@sotto/wire';
import { readOwnChain, readPeerChain, writeChain } from '../../src/sender-keys/chain-record.ts';
import { readPeerState, writeOwnState } from '../../src/sender-keys/chain-state.ts';
import { decodeHeader, encodeHeader, headerNonce, splitMessage } from '../../src/sender-keys/message.ts';
import type { Header } from '../../src/sender-keys/message.ts';
import { refused } from '../refused.ts';
import { channel, components, NOW, ownerOf, receive, send, text, textOf } from './group.ts';
import type { Channel } from './group.ts';
import { recordingProvider } from './recording-provider.ts';

const provider = nativeProvider();
const on = components(provider);

/** Runs an attack and requires that the receiver's records are untouched and the real message still opens. */
function unharmed(a: Channel, honest: Uint8Array, attack: () => void): void {
  const before = { record: a.peer.record.slice(), state: a.peer.state.slice() };
  attack();
  assert.deepEqual(a.peer, before);
  assert.equal(a.skipped.size, 0);
  assert.equal(textOf(receive(on, a, honest)), 'honest');
}

/** What a member can do: seal another header for a message. */
function reseal(a: Channel, message: Uint8Array, change: (header: Header) => Header): Uint8Array {
  const { headerKey } = readPeerChain(a.peer.record);
  const parts = splitMessage(message)!;
  const nonce = headerNonce(parts.salt);
  const plain = provider.open('chacha20-poly1305', headerKey, nonce, parts.header, parts.clear)!;
  const header = encodeHeader(change(decodeHeader(plain)));
  const sealed = provider.seal('chacha20-poly1305', headerKey, nonce, header, parts.clear);
  const changed = message.slice();
  changed.set(sealed, parts.clear.length);
  return changed;
}

describe('R-GRP-2 attacks on Sender Keys', () => {
  it('every changed byte, every cut and every added byte is refused and changes nothing', () => {
    const a = channel(on);
    const honest = send(on, a, 'honest');
    unharmed(a, honest, () => {
      for (let i = 0; i < honest.length; i++) {
        const changed = honest.slice();
        changed[i]! ^= 1 << (i % 8);
        const kind = outcome(a, changed);
        // The tag only points; it is bound into the header, so a changed one makes the message nobody's.
        assert.equal(kind, i < 24 + 117 ? 'foreign' : 'not_authentic', `byte ${i}`);
      }
      for (const length of [0, 7, 8, 24, 140, 156, 157, 158, honest.length - 1]) {
        assert.match(outcome(a, honest.subarray(0, length)), /^(?:foreign|not_authentic)$/, `cut to ${length}`);
      }
      assert.equal(outcome(a, Uint8Array.of(...honest, 0)), 'not_authentic');
    });
  });

  it('a member who knows the chain key cannot write in the owner’s name', () => {
    const a = channel(on);
    // The forger has everything that members have, and a signing key of their own.
    const forger = provider.generate('ed25519');
    const peer = readPeerChain(a.peer.record);
    const { next, chainKey, chain } = readPeerState(a.peer.state);
    const [first] = senderKeyTags(on, { ...a.peer, ahead: 1 });
    const record = writeChain({ ...peer, headerSecret: provider.random(32), seed: forger.export().reveal() });
    const tags = new Uint8Array(128);
    tags.set(first!.tag);
    const state = writeOwnState({ chain, next, chainKey, tags });
    const theirs = components(provider);
    const forged = encryptForGroup(theirs, { record, state, roster: a.roster, content: text('forged') }).message;
    const honest = send(on, a, 'honest');
    assert.deepEqual(forged.subarray(0, 8), honest.subarray(0, 8));
    assert.equal(recogniseGroupMessage(on, { record: a.peer.record, message: forged }), 0);
    unharmed(a, honest, () => assert.throws(() => receive(on, a, forged), refused('not_authentic')));
  });

  it('a member cannot pass another’s messages off as their own, nor shadow their tags', () => {
    const a = channel(on);
    const received = parseSenderKeyDistribution(distributeSenderKey({ ...a.own, roster: a.roster }));
    const thief = { ...ownerOf(provider), group: a.owner.group };
    const accepted = acceptSenderKey(on, { received, sender: thief, known: null, now: NOW });
    assert.ok(accepted.kind === 'new');
    const message = send(on, a, 'honest');
    assert.equal(recogniseGroupMessage(on, { record: accepted.record, message }), null);
    const tags = senderKeyTags(on, { ...accepted, ahead: 50 }).map(({ tag }) => idHex(tag));
    assert.ok(!tags.includes(idHex(message.subarray(0, 8))));
  });

  it('a message is nobody’s in another group, even when the sender gave the same keys there', () => {
    const a = channel(on);
    const received = parseSenderKeyDistribution(distributeSenderKey({ ...a.own, roster: a.roster }));
    const group = provider.random(32);
    const elsewhere = acceptSenderKey(on, {
      received: { ...received, group },
      sender: { ...a.owner, group },
      known: null,
      now: NOW,
    });
    assert.ok(elsewhere.kind === 'new');
    assert.equal(decryptFromGroup(on, { ...elsewhere, message: send(on, a, ''), now: NOW }).kind, 'foreign');
  });

  it('a member cannot change the roster or the number of a message, nor make receivers derive keys for nothing', () => {
    const a = channel(on);
    const honest = send(on, a, 'honest');
    const other = provider.random(32);
    const recorded = recordingProvider(provider);
    const watched = { ...on, provider: recorded.provider };
    unharmed(a, honest, () => {
      const changes: ((header: Header) => Header)[] = [
        (header) => ({ ...header, roster: other }),
        (header) => ({ ...header, index: 1 }),
        (header) => ({ ...header, index: 2000 }),
        (header) => ({ ...header, signature: new Uint8Array(64) }),
      ];
      for (const change of changes) {
        assert.throws(() => receive(watched, a, reseal(a, honest, change)), refused('not_authentic'));
      }
      const tooFar = reseal(a, honest, (header) => ({ ...header, index: 2001 }));
      assert.throws(() => receive(watched, a, tooFar), refused('too_far'));
      const last = reseal(a, honest, (header) => ({ ...header, index: 0xffff_ffff }));
      assert.throws(() => receive(watched, a, last), refused('too_far'));
      assert.equal(recorded.calls.get('hkdf'), undefined);
    });
  });

  it('a message opens only with the associated data that its sender bound to it', () => {
    const a = channel(on);
    const honest = send(on, a, 'honest', text('expires today'));
    for (const associated of [undefined, text('expires tomorrow'), text('')]) {
      const options = associated === undefined ? {} : { associated };
      assert.throws(() => receive(on, a, honest, options), refused('not_authentic'));
    }
    assert.equal(textOf(receive(on, a, honest, { associated: text('expires today') })), 'honest');
  });

  it('a skipped record of another message or sender opens nothing', () => {
    const a = channel(on);
    const [first, second] = [send(on, a, 'first'), send(on, a, 'second')];
    receive(on, a, send(on, a, 'third'));
    const other = channel(on);
    send(on, other, '');
    receive(on, other, send(on, other, ''));
    const attempt = (skipped: Uint8Array, message: Uint8Array) =>
      decryptFromGroup(on, { ...a.peer, message, skipped, now: NOW });
    assert.throws(() => attempt(a.skipped.get(1)!, first), refused('parameters'));
    assert.throws(() => attempt(other.skipped.get(0)!, first), refused('parameters'));
    assert.throws(
      () => decryptFromGroup(on, { ...a.peer, state: other.peer.state, message: first, now: NOW }),
      refused('parameters'),
    );
    assert.deepEqual(
      [first, second].map((message) => textOf(receive(on, a, message))),
      ['first', 'second'],
    );
  });

  it('there is no message behind the last number: counting on would begin at 0 again', () => {
    const a = channel(on);
    const message = send(on, a, '');
    a.peer.state.fill(0xff, 18, 22);
    const behind = reseal(a, message, (header) => ({ ...header, index: 0xffff_ffff }));
    assert.throws(() => receive(on, a, behind), refused('too_far'));
  });

  it('an unknown version in a sealed header is refused by name', () => {
    const a = channel(on);
    const message = send(on, a, '');
    const { headerKey } = readOwnChain(a.own.record);
    const parts = splitMessage(message)!;
    const nonce = headerNonce(parts.salt);
    const plain = provider.open('chacha20-poly1305', headerKey, nonce, parts.header, parts.clear)!;
    plain[0] = 0x0a;
    message.set(provider.seal('chacha20-poly1305', headerKey, nonce, plain, parts.clear), 24);
    assert.throws(() => receive(on, a, message), refused('unsupported'));
  });
});

function outcome(a: Channel, message: Uint8Array): string {
  try {
    return receive(on, a, message).kind;
  } catch (error) {
    if (error instanceof RatchetError) return error.code;
    throw error;
  }
}
