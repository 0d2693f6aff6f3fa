import type { CryptoProvider } from '@sotto/crypto';
import type { DeviceProof } from '@sotto/wire';
import { ID_BYTES, loginMessage, Refusal } from '@sotto/wire';
import { malformed, Refused } from '../refused.ts';
import type { Challenges } from './challenges.ts';

const KEY_BYTES = 32;
const SIGNATURE_BYTES = 64;
/** Stands in for the key of a device nobody knows, so that the answer takes as long. Any valid point will do. */
const NOBODY = new Uint8Array(KEY_BYTES).fill(0x66).with(0, 0x58);

/** Judges proofs of possession of a device key. */
export class Proofs {
  readonly #provider: CryptoProvider;
  readonly #challenges: Challenges;
  readonly #gatewayIdentity: Uint8Array;

  constructor(provider: CryptoProvider, challenges: Challenges, gatewayIdentity: Uint8Array) {
    this.#provider = provider;
    this.#challenges = challenges;
    this.#gatewayIdentity = gatewayIdentity;
  }

  /** The proof with its lengths checked and its nonce alive. Throws `Refused` `MALFORMED` or `UNAUTHENTICATED`. */
  open(proof: DeviceProof | undefined): DeviceProof {
    if (proof === undefined) throw malformed('the proof is missing');
    if (proof.account.length !== ID_BYTES.AccountId) throw malformed('an AccountId has 32 bytes');
    if (proof.device.length !== ID_BYTES.DeviceId) throw malformed('a DeviceId has 16 bytes');
    if (proof.signature.length !== SIGNATURE_BYTES) throw malformed('an Ed25519 signature has 64 bytes');
    if (!this.#challenges.valid(proof.nonce)) throw unauthenticated();
    return proof;
  }

  /**
   * Verifies the signature by `ed25519` (null: nobody's, which always fails, after as much work) and spends the nonce.
   * `channelBinding` gives the TLS exporter of the connection. Throws `Refused` `UNAUTHENTICATED`.
   */
  verify(proof: DeviceProof, ed25519: Uint8Array | null, channelBinding: () => Uint8Array | null): Uint8Array | null {
    const binding = proof.channelBound ? channelBinding() : null;
    if (proof.channelBound && binding === null) throw unauthenticated();
    const { device, nonce } = proof;
    const message = loginMessage({ gatewayIdentity: this.#gatewayIdentity, channelBinding: binding, device, nonce });
    const verified = this.#provider.verify(ed25519 ?? NOBODY, message, proof.signature);
    if (!verified || ed25519 === null || !this.#challenges.spend(nonce)) throw unauthenticated();
    return binding;
  }
}

function unauthenticated(): Refused {
  return new Refused(Refusal.UNAUTHENTICATED, 'the login is not valid');
}
