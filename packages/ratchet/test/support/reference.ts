import { createCipheriv, createDecipheriv, createHash, createHmac, hkdfSync } from 'node:crypto';
import { fromBinary } from '@bufbuild/protobuf';
import { hpke, xWingKem } from '@sotto/crypto';
import type { PrivateKey } from '@sotto/crypto';
import { encodeEnvelope, encodeEnvelopeHeader, InitialMessageSchema } from '@sotto/wire';
import type { ChainHead, Envelope, MailboxId } from '@sotto/wire';
import { native } from './world.ts';

// A second implementation of the responder, written from the specifications and docs/sessions.md alone: objects instead
// of records, node:crypto for symmetric primitives, nothing of the package under test.

const label = (name: string): Buffer => Buffer.from(`sotto/v1/${name}`);
const sha256 = (...parts: Uint8Array[]): Buffer => createHash('sha256').update(Buffer.concat(parts)).digest();
const hmac = (key: Uint8Array, ...parts: Uint8Array[]): Buffer =>
  createHmac('sha256', key).update(Buffer.concat(parts)).digest();
const hkdf = (ikm: Uint8Array, salt: Uint8Array, info: Uint8Array, length: number): Buffer =>
  Buffer.from(hkdfSync('sha256', ikm, salt, info, length));
const dh = (own: PrivateKey<'x25519'>, peer: Uint8Array): Buffer => Buffer.from(native.dh(own, peer).reveal());

function seal(key: Uint8Array, nonce: Uint8Array, plaintext: Uint8Array, associated: Uint8Array): Buffer {
  const cipher = createCipheriv('chacha20-poly1305', key, nonce, { authTagLength: 16 });
  cipher.setAAD(associated);
  return Buffer.concat([cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]);
}

function open(key: Uint8Array, nonce: Uint8Array, sealed: Uint8Array, associated: Uint8Array): Buffer | null {
  const decipher = createDecipheriv('chacha20-poly1305', key, nonce, { authTagLength: 16 });
  decipher.setAAD(associated);
  decipher.setAuthTag(sealed.subarray(-16));
  try {
    return Buffer.concat([decipher.update(sealed.subarray(0, -16)), decipher.final()]);
  } catch {
    return null;
  }
}

function number(bytes: number, value: number): Buffer {
  const buffer = Buffer.alloc(8);
  buffer.writeBigUInt64BE(BigInt(value));
  return buffer.subarray(8 - bytes);
}

const head = ({ account, sequence, hash, seenAt }: ChainHead): Buffer =>
  Buffer.concat([account, number(8, sequence), hash, number(8, seenAt)]);

/** The 8 bytes of a chain's tag keystream for one message. */
function tagOf(headerKey: Uint8Array, index: number): Buffer {
  // node:crypto takes the block counter in front of the nonce.
  const iv = Buffer.alloc(16);
  iv.writeUInt32LE(Math.floor(index / 256), 4);
  const stream = createCipheriv('chacha20', hmac(headerKey, label('tag')), iv).update(Buffer.alloc(2048));
  return stream.subarray(8 * (index % 256), 8 * (index % 256) + 8);
}

export interface ReferenceKeys {
  readonly device: Uint8Array;
  readonly mailbox: MailboxId;
  readonly head: ChainHead;
  readonly ed25519: Uint8Array;
  readonly identity: PrivateKey<'x25519'>;
  readonly sealing: PrivateKey<'x-wing'>;
  readonly signed: PrivateKey<'x25519'>;
  readonly oneTime: PrivateKey<'x25519'>;
  readonly kem: PrivateKey<'ml-kem-768'>;
}

/** One side of a session. */
export class ReferenceResponder {
  readonly #associated: Buffer;
  #rootKey: Buffer;
  #own: PrivateKey<'x25519'>;
  #sending: { chain: Buffer; header: Buffer; sent: number } | null = null;
  #nextSendingHeader: Buffer;
  #receiving: { chain: Buffer; header: Buffer; received: number } | null = null;
  #nextReceivingHeader: Buffer;
  #previous = 0;
  readonly #skipped = new Map<string, Buffer>();

  private constructor(associated: Buffer, seed: Buffer, own: PrivateKey<'x25519'>) {
    this.#associated = associated;
    this.#rootKey = seed.subarray(0, 32);
    this.#nextReceivingHeader = seed.subarray(32, 64);
    this.#nextSendingHeader = seed.subarray(64);
    this.#own = own;
  }

  /** PQXDH §3.4, from an envelope that holds an initial message. */
  static accept(
    keys: ReferenceKeys,
    sender: { readonly ed25519: Uint8Array; readonly x25519: Uint8Array },
    envelope: Envelope,
  ): { readonly session: ReferenceResponder; readonly content: Buffer } {
    const box = hpke(native, { kem: xWingKem, kdf: 'sha256', aead: 'chacha20-poly1305' });
    const { sealed, header } = envelope;
    const parts = { encapsulated: sealed.subarray(8, 1128), ciphertext: sealed.subarray(1128) };
    const info = Buffer.concat([label('initial'), keys.device, keys.mailbox]);
    const plaintext = box.open(keys.sealing, parts, { info }, Buffer.concat([sealed.subarray(0, 8), header]));
    if (plaintext === null) throw new Error('the seal does not open');
    const end = Buffer.from(plaintext).lastIndexOf(0x80);
    const message = fromBinary(InitialMessageSchema, plaintext.subarray(0, end));
    const { senderHead, recipientHead } = message;
    if (senderHead === undefined || recipientHead === undefined) throw new Error('heads are missing');
    const plain = (point: NonNullable<typeof senderHead>): ChainHead =>
      ({ ...point, sequence: Number(point.sequence), seenAt: Number(point.seenAt) }) as unknown as ChainHead;
    const hash = sha256(
      label('session-hash'),
      number(2, message.version),
      number(2, message.suite),
      number(8, Number(message.startedAt)),
      number(4, message.signedPrekeyId),
      number(4, message.oneTimeId),
      number(4, message.kemId),
      message.senderDevice,
      head(plain(senderHead)),
      keys.device,
      head(plain(recipientHead)),
      message.ephemeral,
      message.kemCiphertext,
    );
    const associated = sha256(
      label('session'),
      hash,
      sender.ed25519,
      sender.x25519,
      keys.ed25519,
      keys.identity.publicKey,
      sha256(keys.kem.publicKey),
    );
    const secrets = [
      Buffer.alloc(32, 0xff),
      dh(keys.signed, sender.x25519),
      dh(keys.identity, message.ephemeral),
      dh(keys.signed, message.ephemeral),
      dh(keys.oneTime, message.ephemeral),
      Buffer.from(native.decapsulate(keys.kem, message.kemCiphertext).reveal()),
    ];
    const seed = hkdf(Buffer.concat(secrets), Buffer.alloc(32), Buffer.concat([label('agreement'), associated]), 96);
    const session = new ReferenceResponder(associated, seed, keys.signed);
    return { session, content: session.#decrypt(message.message, header) };
  }

  decrypt(envelope: Envelope): Buffer {
    return this.#decrypt(envelope.sealed, envelope.header);
  }

  /** RatchetDecryptHE, Double Ratchet revision 4 §4.5. */
  #decrypt(sealed: Uint8Array, envelopeHeader: Uint8Array): Buffer {
    const [tag, salt] = [sealed.subarray(0, 8), sealed.subarray(8, 24)];
    const kept = this.#skipped.get(Buffer.from(tag).toString('hex'));
    if (kept !== undefined) {
      this.#skipped.delete(Buffer.from(tag).toString('hex'));
      return this.#openBody(kept, sealed, envelopeHeader);
    }
    const associated = Buffer.concat([this.#associated, envelopeHeader, tag, salt]);
    const tryHeader = (key: Uint8Array): Buffer | null =>
      open(hmac(key, label('header'), salt), salt.subarray(0, 12), sealed.subarray(24, 82), associated);
    let header = this.#receiving === null ? null : tryHeader(this.#receiving.header);
    const turn = header === null;
    header ??= tryHeader(this.#nextReceivingHeader);
    if (header === null) throw new Error('no header key fits');
    const [previous, index] = [header.readUInt32BE(32), header.readUInt32BE(36)];
    if (header.readUInt16BE(40) !== 0) throw new Error('an extension');
    if (turn) {
      this.#skipTo(previous);
      this.#turn(header.subarray(0, 32));
    }
    this.#skipTo(index);
    const receiving = this.#receiving;
    if (receiving === null) throw new Error('no chain');
    if (!tagOf(receiving.header, index).equals(tag)) throw new Error('another tag');
    return this.#openBody(this.#step(receiving), sealed, envelopeHeader);
  }

  #step(receiving: { chain: Buffer; received: number }): Buffer {
    const keys = hkdf(receiving.chain, Buffer.alloc(0), label('chain'), 64);
    receiving.chain = keys.subarray(32);
    receiving.received++;
    return keys.subarray(0, 32);
  }

  #skipTo(until: number): void {
    const receiving = this.#receiving;
    if (receiving === null) return;
    for (let index = receiving.received; index < until; index++) {
      this.#skipped.set(tagOf(receiving.header, index).toString('hex'), this.#step(receiving));
    }
  }

  #turn(peer: Uint8Array): void {
    this.#previous = this.#sending?.sent ?? 0;
    const receiving = this.#root(dh(this.#own, peer));
    this.#receiving = { chain: receiving.chain, header: this.#nextReceivingHeader, received: 0 };
    this.#nextReceivingHeader = receiving.next;
    this.#own = native.generate('x25519');
    const sending = this.#root(dh(this.#own, peer));
    this.#sending = { chain: sending.chain, header: this.#nextSendingHeader, sent: 0 };
    this.#nextSendingHeader = sending.next;
  }

  #root(agreed: Uint8Array): { chain: Buffer; next: Buffer } {
    const keys = hkdf(agreed, this.#rootKey, label('root'), 96);
    this.#rootKey = keys.subarray(0, 32);
    return { chain: keys.subarray(32, 64), next: keys.subarray(64) };
  }

  #openBody(messageKey: Uint8Array, sealed: Uint8Array, envelopeHeader: Uint8Array): Buffer {
    const keys = hkdf(messageKey, sealed.subarray(8, 24), label('body'), 44);
    const associated = Buffer.concat([this.#associated, envelopeHeader, sealed.subarray(0, 82)]);
    const body = open(keys.subarray(0, 32), keys.subarray(32), sealed.subarray(82), associated);
    if (body === null) throw new Error('the body does not open');
    return body.subarray(0, body.lastIndexOf(0x80));
  }

  /** RatchetEncryptHE, §4.4, as an envelope. */
  encrypt(content: Uint8Array, mailbox: MailboxId, expiresAt: number): Uint8Array {
    const sending = this.#sending;
    if (sending === null) throw new Error('nothing was received yet');
    const envelopeHeader = encodeEnvelopeHeader({ suite: 1, mailbox, expiresAt, urgency: 'normal' });
    const keys = hkdf(sending.chain, Buffer.alloc(0), label('chain'), 64);
    sending.chain = keys.subarray(32);
    const index = sending.sent++;
    const salt = Buffer.from(native.random(16));
    const front = Buffer.concat([this.#associated, envelopeHeader, tagOf(sending.header, index), salt]);
    const header = Buffer.concat([this.#own.publicKey, number(4, this.#previous), number(4, index), number(2, 0)]);
    const sealedHeader = seal(hmac(sending.header, label('header'), salt), salt.subarray(0, 12), header, front);
    const bodyKeys = hkdf(keys.subarray(0, 32), salt, label('body'), 44);
    const padded = Buffer.alloc(512 - 98);
    padded.set(content);
    padded[content.length] = 0x80;
    const body = seal(bodyKeys.subarray(0, 32), bodyKeys.subarray(32), padded, Buffer.concat([front, sealedHeader]));
    return encodeEnvelope(envelopeHeader, tagOf(sending.header, index), salt, sealedHeader, body);
  }
}
