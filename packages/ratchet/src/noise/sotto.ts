import type { CryptoProvider, PrivateKey } from '@sotto/crypto';
import { startNoise } from './handshake.ts';
import type { NoiseReading, NoiseWriting } from './handshake.ts';
import { noiseKeyPair, noiseSuite } from './suite.ts';

interface Common {
  readonly provider: CryptoProvider;
  /** Bytes that both sides must agree on before; a difference makes the handshake fail. Any length. */
  readonly prologue: Uint8Array;
  /** Own static key; stays the caller's, and must live as long as the handshake. */
  readonly own: PrivateKey<'x25519'>;
}

/** IK: the peer's static key is known, and one round trip is enough. XX: both learn the other's key in three messages. */
export type NoiseInitiation = Common &
  (
    | {
        readonly pattern: 'IK';
        /** Static public key of the responder, 32 bytes. */
        readonly peer: Uint8Array;
      }
    | { readonly pattern: 'XX' }
  );

export type NoiseResponse = Common & { readonly pattern: 'IK' | 'XX' };

/**
 * Begins `Noise_IK_25519_ChaChaPoly_SHA256` or `Noise_XX_25519_ChaChaPoly_SHA256` (Noise rev 34).
 * Throws `RatchetError` `parameters` for a peer key of a wrong length.
 */
export function initiateNoise(start: NoiseInitiation): NoiseWriting {
  const { provider, pattern, prologue } = start;
  return startNoise({
    suite: noiseSuite(provider, 'ChaChaPoly', 'SHA256'),
    pattern,
    role: 'initiator',
    prologue,
    own: noiseKeyPair(provider, start.own),
    ...(start.pattern === 'IK' ? { peer: start.peer } : {}),
  });
}

/** The other side of `initiateNoise`. */
export function respondNoise({ provider, pattern, prologue, own }: NoiseResponse): NoiseReading {
  return startNoise({
    suite: noiseSuite(provider, 'ChaChaPoly', 'SHA256'),
    pattern,
    role: 'responder',
    prologue,
    own: noiseKeyPair(provider, own),
  });
}
