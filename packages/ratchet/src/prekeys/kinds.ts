import type { KeyKind } from '@sotto/crypto';
import { PrekeyKind } from '@sotto/wire';

/** What a prekey is for. */
export type PrekeyName = 'signed' | 'last-resort-kem' | 'sealing' | 'one-time' | 'one-time-kem';

interface PrekeyTraits {
  readonly proto: PrekeyKind;
  readonly key: Exclude<KeyKind, 'ed25519'>;
  /** Handed out to everyone until it is replaced; the others once each. */
  readonly lasting: boolean;
  /** bytes */
  readonly publicBytes: number;
  readonly privateBytes: number;
}

export const PREKEYS: { readonly [Name in PrekeyName]: PrekeyTraits } = {
  signed: { proto: PrekeyKind.SIGNED, key: 'x25519', lasting: true, publicBytes: 32, privateBytes: 32 },
  'last-resort-kem': {
    proto: PrekeyKind.LAST_RESORT_KEM,
    key: 'ml-kem-768',
    lasting: true,
    publicBytes: 1184,
    privateBytes: 64,
  },
  sealing: { proto: PrekeyKind.SEALING, key: 'x-wing', lasting: true, publicBytes: 1216, privateBytes: 32 },
  'one-time': { proto: PrekeyKind.ONE_TIME, key: 'x25519', lasting: false, publicBytes: 32, privateBytes: 32 },
  'one-time-kem': {
    proto: PrekeyKind.ONE_TIME_KEM,
    key: 'ml-kem-768',
    lasting: false,
    publicBytes: 1184,
    privateBytes: 64,
  },
};

export const LASTING: readonly PrekeyName[] = ['signed', 'last-resort-kem', 'sealing'];
export const ONE_TIME: readonly PrekeyName[] = ['one-time', 'one-time-kem'];

const BY_NUMBER = new Map<number, PrekeyName>([...LASTING, ...ONE_TIME].map((name) => [PREKEYS[name].proto, name]));

/** Null for a number that names no kind. */
export function prekeyName(proto: number): PrekeyName | null {
  return BY_NUMBER.get(proto) ?? null;
}
