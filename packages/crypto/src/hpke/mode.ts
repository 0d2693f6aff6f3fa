import { CryptoError } from '../error.ts';
import type { Bytes, KeyKind, PrivateKey, PublicKey } from '../provider.ts';
import { bytesOf } from '../secret.ts';

/** A pre-shared key of at least 32 bytes (RFC 9180 §9.5: low entropy would be open to a dictionary attack). */
export interface HpkePsk {
  readonly psk: Bytes;
  /** Not empty. */
  readonly pskId: Uint8Array;
}

/** How the sender shows who it is, RFC 9180 §5. */
export type HpkeSenderMode<Kind extends KeyKind = KeyKind> =
  | { readonly kind: 'base' }
  | ({ readonly kind: 'psk' } & HpkePsk)
  | { readonly kind: 'auth'; readonly sender: PrivateKey<Kind> }
  | ({ readonly kind: 'auth-psk'; readonly sender: PrivateKey<Kind> } & HpkePsk);

/** What the receiver requires of the sender; the same mode on both sides, or opening fails. */
export type HpkeReceiverMode<Kind extends KeyKind = KeyKind> =
  | { readonly kind: 'base' }
  | ({ readonly kind: 'psk' } & HpkePsk)
  | { readonly kind: 'auth'; readonly sender: PublicKey<Kind> }
  | ({ readonly kind: 'auth-psk'; readonly sender: PublicKey<Kind> } & HpkePsk);

type AnyMode = HpkeSenderMode | HpkeReceiverMode;

export const BASE = { kind: 'base' } as const;

/** RFC 9180 §5, table 1. */
export const MODE_IDS: { readonly [Kind in AnyMode['kind']]: number } = { base: 0, psk: 1, auth: 2, 'auth-psk': 3 };

const MIN_PSK = 32;

/** The mode's PSK, or null. Throws `parameters` when it is too short or has no id (VerifyPSKInputs, §5.1). */
export function pskOf(mode: AnyMode): HpkePsk | null {
  if (mode.kind === 'base' || mode.kind === 'auth') return null;
  if (bytesOf(mode.psk).length < MIN_PSK || mode.pskId.length === 0) {
    throw new CryptoError('parameters', `HPKE needs a PSK of at least ${MIN_PSK} bytes and its id`);
  }
  return mode;
}

/** The sender's key in the authenticated modes, or null. */
export function senderOf<Key>(mode: { readonly kind: string; readonly sender?: Key }): Key | null {
  return mode.sender ?? null;
}
