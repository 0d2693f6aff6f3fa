import type { CryptoProvider, PublicKey, Secret } from '@sotto/crypto';
import { equalBytes, SUITE_PQXDH, SUITE_X3DH, suiteSatisfies } from '@sotto/wire';
import type { SuiteId } from '@sotto/wire';
import type { PairwiseComponents } from '../components.ts';
import { beginAsInitiator } from '../double-ratchet/begin.ts';
import { upcomingTags } from '../double-ratchet/expected-tags.ts';
import { RatchetError } from '../error.ts';
import type { VerifiedBundle } from '../prekeys/verify.ts';
import { deriveSeed } from './agreement.ts';
import { encodeFirstFlight } from './flight.ts';
import type { FirstFlight } from './flight.ts';
import { encodeOpening } from './opening.ts';
import type { LocalDevice, RemoteDevice } from './parties.ts';
import { startOf } from './simultaneous.ts';
import { flightHash, sessionAssociated } from './transcript.ts';

export interface StartRequest {
  readonly own: LocalDevice;
  /** Serialised sotto.identity.v1.Sigchain of the own account, for a recipient that may not know it; null: left out. */
  readonly ownChain: Uint8Array | null;
  readonly peer: RemoteDevice;
  readonly bundle: VerifiedBundle;
  /** Unix ms */
  readonly now: number;
  /** When the newest known session with this device started, Unix seconds: the new one is to replace it. */
  readonly replaces?: number;
}

export type StartResult =
  | {
      readonly kind: 'started';
      readonly suite: SuiteId;
      /** Names the session on both sides, 32 bytes. */
      readonly hash: Uint8Array;
      /** Unix seconds */
      readonly startedAt: number;
      /** The session record; secret. */
      readonly session: Uint8Array;
      /** The opening record, needed by `encryptMessage` until the first answer; public, never changes. */
      readonly opening: Uint8Array;
      /** Tags by which the first answers will be recognised. */
      readonly tags: readonly Uint8Array[];
    }
  /** The bundle has no KEM key, and one of the two devices does not speak without: a gateway may have stripped it. */
  | { readonly kind: 'refused'; readonly reason: 'no-kem' };

/**
 * Starts a session with one device: PQXDH, or X3DH where both certificates allow it and the bundle has no KEM key.
 * Throws `RatchetError` `parameters` for a bundle of another device, `bad_key` for an identity key of low order.
 */
export function startSession(components: PairwiseComponents, request: StartRequest): StartResult {
  const { provider } = components;
  const { own, peer, bundle } = request;
  if (!equalBytes(bundle.device, peer.device)) {
    throw new RatchetError('parameters', 'the bundle belongs to another device');
  }
  const suite = bundle.kem === null ? SUITE_X3DH : SUITE_PQXDH;
  const allowed = suiteSatisfies(suite, own.minimumSuite) && suiteSatisfies(suite, peer.minimumSuite);
  if (!allowed) return { kind: 'refused', reason: 'no-kem' };

  using ephemeral = provider.generate('x25519');
  const kem = bundle.kem === null ? null : provider.encapsulate(bundle.kem.key);
  const flight: FirstFlight = {
    suite,
    senderDevice: own.device,
    senderHead: own.head,
    senderChain: request.ownChain,
    ephemeral: ephemeral.publicKey,
    prekeys: { signed: bundle.signed.id, oneTime: bundle.oneTime?.id ?? null, kem: bundle.kem?.id ?? null },
    kemCiphertext: kem?.ciphertext ?? new Uint8Array(0),
    recipientHead: peer.head,
    startedAt: startOf(request.now, request.replaces ?? null),
  };
  const hash = flightHash(provider, flight, peer.device);
  const kemKeyHash = bundle.kem === null ? null : provider.hash('sha256', bundle.kem.key.bytes);
  const associated = sessionAssociated(provider, hash, own, peer, kemKeyHash);
  const identity = importIdentity(provider, peer.x25519);
  const secrets: Secret[] = [
    provider.dh(own.identityKey, bundle.signed.key),
    provider.dh(ephemeral, identity),
    provider.dh(ephemeral, bundle.signed.key),
  ];
  if (bundle.oneTime !== null) secrets.push(provider.dh(ephemeral, bundle.oneTime.key));
  if (kem !== null) secrets.push(kem.sharedSecret);
  using seed = deriveSeed(provider, secrets, associated);
  const origin = { suite, startedAt: flight.startedAt, hash, associated };
  const state = beginAsInitiator(components, origin, seed, bundle.signed.key);
  const firstFlight = encodeFirstFlight(flight);
  components.keys.putSealingKey(bundle.sealing.key);
  return {
    kind: 'started',
    suite,
    hash,
    startedAt: flight.startedAt,
    session: state,
    opening: encodeOpening({ recipient: peer.device, sealingKey: bundle.sealing.key.bytes, firstFlight }),
    tags: upcomingTags(provider, state),
  };
}

/** Other keys were checked with the bundle. Throws `RatchetError` `bad_key`. */
function importIdentity(provider: CryptoProvider, bytes: Uint8Array): PublicKey<'x25519'> {
  try {
    return provider.importPublic('x25519', bytes);
  } catch (cause) {
    throw new RatchetError('bad_key', "the peer's identity key is none", { cause });
  }
}
