import { decryptMessage, encryptMessage } from '@sotto/ratchet';
import type { DecryptResult, PairwiseComponents } from '@sotto/ratchet';
import { decodeEnvelope } from '@sotto/wire';
import { START } from './devices.ts';
import { accept, EXPIRES, firstContact } from './first-contact.ts';
import { text } from './world.ts';

/** The record of one side of a session and what it needs; every step returns new bytes. */
export interface Side {
  readonly components: PairwiseComponents;
  session: Uint8Array;
  readonly skipped: Map<number, Uint8Array>;
}

/** Two sides of an answered session. */
export function conversation(): { readonly anh: Side; readonly binh: Side } {
  const contact = firstContact();
  const accepted = accept(contact);
  if (accepted.kind !== 'accepted') throw new Error(accepted.reason);
  const side = (session: Uint8Array): Side => ({ components: contact.components, session, skipped: new Map() });
  const [anh, binh] = [side(contact.session), side(accepted.session)];
  const answered = read(anh, write(binh, 'answer'));
  if (answered !== 'answer') throw new Error(answered);
  return { anh, binh };
}

/** Encrypts and keeps the new record. */
export function write(side: Side, content: string | Uint8Array): Uint8Array {
  const result = encryptMessage(side.components, {
    session: side.session,
    opening: null,
    content: typeof content === 'string' ? text(content) : content,
    mailbox: MAILBOX,
    expiresAt: EXPIRES,
    urgency: 'normal',
  });
  if (result.kind !== 'encrypted') throw new Error(result.kind);
  side.session = result.session;
  return result.envelope;
}

const MAILBOX = decodeEnvelope(firstContact().envelope).mailbox;

export function attempt(side: Side, envelope: Uint8Array, now = START, skipped = all(side)): DecryptResult {
  return decryptMessage(side.components, { session: side.session, envelope: decodeEnvelope(envelope), skipped, now });
}

/** Every slot of the session, with its record or null. */
function all({ skipped }: Side): ReadonlyMap<number, Uint8Array | null> {
  return new Map(Array.from({ length: 2000 }, (_, slot) => [slot, skipped.get(slot) ?? null]));
}

/** Decrypts, keeps the new records, and returns the text; or says why not. */
export function read(side: Side, envelope: Uint8Array, now = START): string {
  const result = attempt(side, envelope, now);
  if (result.kind !== 'decrypted') return result.kind === 'unreadable' ? result.reason : result.kind;
  side.session = result.session;
  for (const { slot, record } of result.skipped) {
    if (record === null) side.skipped.delete(slot);
    else side.skipped.set(slot, record);
  }
  return new TextDecoder().decode(result.content);
}

/** A copy that goes its own way. */
export function copyOf(side: Side): Side {
  const skipped = new Map([...side.skipped].map(([slot, record]) => [slot, record.slice()]));
  return { components: side.components, session: side.session.slice(), skipped };
}
