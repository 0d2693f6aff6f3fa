import { fromBinary } from '@bufbuild/protobuf';
import { CryptoError } from '@sotto/crypto';
import type { CryptoProvider, PublicKey } from '@sotto/crypto';
import {
  equalBytes,
  GetBundleResponseSchema,
  mailboxId,
  parseSigned,
  PrekeyBatchSchema,
  PrekeyLeafSchema,
  verifySigned,
  WireError,
} from '@sotto/wire';
import type { DeviceId, MailboxId, PrekeyBatch, PrekeyLeaf, ProvenPrekey } from '@sotto/wire';
import { MAX_BATCH } from './create.ts';
import { prekeyName, PREKEYS } from './kinds.ts';
import type { PrekeyName } from './kinds.ts';
import { verifyMerkleProof } from './merkle.ts';

/** A bundle has five kinds of keys, each with its batch and at most ten hashes: about 6 KiB. */
const MAX_BUNDLE_BYTES = 32 * 1024;
const BATCH_VERSION = 1;

declare const verified: unique symbol;

interface BundleKey<Kind extends 'x25519' | 'x-wing' | 'ml-kem-768'> {
  readonly id: number;
  readonly key: PublicKey<Kind>;
}

/** Prekeys of one device, each proven to come from it. */
export interface VerifiedBundle {
  readonly [verified]: true;
  readonly device: DeviceId;
  readonly mailbox: MailboxId;
  readonly signed: BundleKey<'x25519'>;
  readonly sealing: BundleKey<'x-wing'>;
  /** Null when the gateway had none left. */
  readonly oneTime: BundleKey<'x25519'> | null;
  /** The one-time key, otherwise the last-resort one; null when the bundle has neither. */
  readonly kem: BundleKey<'ml-kem-768'> | null;
}

export type BundleRefusal =
  /** Not the expected structure. */
  | 'malformed'
  /** A batch, proof or signature that the device did not make. */
  | 'not-authentic'
  /** A lasting key that nobody should use any more: the device was away too long, or the bundle is an old one. */
  | 'expired'
  /** A lasting key that every bundle has is missing. */
  | 'incomplete'
  /** A signed key that is no key. */
  | 'bad-key';

export type BundleVerification =
  | { readonly kind: 'verified'; readonly bundle: VerifiedBundle }
  | { readonly kind: 'refused'; readonly reason: BundleRefusal };

export interface BundleRequest {
  /** Serialised sotto.gateway.v1.GetBundleResponse. */
  readonly bundle: Uint8Array;
  readonly device: DeviceId;
  /** The device's Ed25519 key as its chain certifies it, 32 bytes. */
  readonly signer: Uint8Array;
  /** Unix ms */
  readonly now: number;
}

class Refused extends Error {
  readonly reason: BundleRefusal;

  constructor(reason: BundleRefusal) {
    super(reason);
    this.reason = reason;
  }
}

/** Verifies that every prekey of a bundle comes from `device`. One-time keys that expired are left out, not refused. */
export function verifyBundle(provider: CryptoProvider, request: BundleRequest): BundleVerification {
  try {
    return { kind: 'verified', bundle: readBundle(provider, request) };
  } catch (error) {
    if (error instanceof Refused) return { kind: 'refused', reason: error.reason };
    throw error;
  }
}

function readBundle(provider: CryptoProvider, { bundle, device, signer, now }: BundleRequest): VerifiedBundle {
  const response = parse(() => {
    if (bundle.length > MAX_BUNDLE_BYTES) throw new Refused('malformed');
    return fromBinary(GetBundleResponseSchema, bundle);
  });
  const mailbox = parse(() => mailboxId(response.mailbox));
  const batches = new BatchReader(provider, device, signer);
  const leaves = new Map<PrekeyName, PrekeyLeaf>();
  for (const prekey of response.prekeys) {
    const { name, leaf } = readPrekey(provider, batches, prekey);
    if (leaves.has(name)) throw new Refused('malformed');
    const expired = leaf.expiresAt * 1000n <= BigInt(now);
    if (expired && PREKEYS[name].lasting) throw new Refused('expired');
    if (!expired) leaves.set(name, leaf);
  }
  const imported = <Kind extends 'x25519' | 'x-wing' | 'ml-kem-768'>(kind: Kind, leaf: PrekeyLeaf | undefined) =>
    leaf === undefined ? null : { id: leaf.id, key: importKey(provider, kind, leaf.publicKey) };
  const signed = imported('x25519', leaves.get('signed'));
  const sealing = imported('x-wing', leaves.get('sealing'));
  if (signed === null || sealing === null) throw new Refused('incomplete');
  const facts = {
    device,
    mailbox,
    signed,
    sealing,
    oneTime: imported('x25519', leaves.get('one-time')),
    kem: imported('ml-kem-768', leaves.get('one-time-kem') ?? leaves.get('last-resort-kem')),
  };
  return facts as VerifiedBundle;
}

/** Runs a parser; whatever it throws means that the bytes are not what they should be. */
function parse<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof Refused) throw error;
    throw new Refused('malformed');
  }
}

function importKey<Kind extends 'x25519' | 'x-wing' | 'ml-kem-768'>(
  provider: CryptoProvider,
  kind: Kind,
  bytes: Uint8Array,
): PublicKey<Kind> {
  try {
    return provider.importPublic(kind, bytes);
  } catch (error) {
    if (error instanceof CryptoError) throw new Refused('bad-key');
    throw error;
  }
}

function readPrekey(
  provider: CryptoProvider,
  batches: BatchReader,
  { leaf: bytes, index, proof, batch: signedBatch }: ProvenPrekey,
): { readonly name: PrekeyName; readonly leaf: PrekeyLeaf } {
  const batch = batches.read(signedBatch);
  const proven = verifyMerkleProof(provider, { root: batch.root, count: batch.count, index, leaf: bytes }, proof);
  if (!proven) throw new Refused('not-authentic');
  const leaf = parse(() => fromBinary(PrekeyLeafSchema, bytes));
  const name = prekeyName(leaf.kind);
  if (name === null || leaf.id === 0 || leaf.$unknown !== undefined) throw new Refused('malformed');
  if (leaf.publicKey.length !== PREKEYS[name].publicBytes) throw new Refused('malformed');
  return { name, leaf };
}

/** Verifies each batch once: the keys of a bundle come from one or two of them. */
class BatchReader {
  readonly #provider: CryptoProvider;
  readonly #device: DeviceId;
  readonly #signer: Uint8Array;
  /** `signer`, imported with the first signature that is by it. */
  #key: PublicKey<'ed25519'> | null = null;
  readonly #known: { readonly bytes: Uint8Array; readonly batch: PrekeyBatch }[] = [];

  constructor(provider: CryptoProvider, device: DeviceId, signer: Uint8Array) {
    this.#provider = provider;
    this.#device = device;
    this.#signer = signer;
  }

  read(bytes: Uint8Array): PrekeyBatch {
    const known = this.#known.find((other) => this.#provider.equal(other.bytes, bytes));
    if (known !== undefined) return known.batch;
    const batch = this.#verify(bytes);
    this.#known.push({ bytes, batch });
    return batch;
  }

  #verify(bytes: Uint8Array): PrekeyBatch {
    const signed = parse(() => parseSigned(bytes));
    const [only] = signed.signatures;
    if (signed.signatures.length !== 1 || only === undefined || !equalBytes(only.signer, this.#signer)) {
      throw new Refused('not-authentic');
    }
    try {
      const key = (this.#key ??= this.#provider.importPublic('ed25519', only.signer));
      verifySigned('sotto/v1/prekeys', signed, (_signer, message, signature) =>
        this.#provider.verify(key, message, signature),
      );
    } catch (error) {
      if (error instanceof WireError || error instanceof CryptoError) throw new Refused('not-authentic');
      throw error;
    }
    const batch = parse(() => fromBinary(PrekeyBatchSchema, signed.body));
    if (batch.version !== BATCH_VERSION || batch.$unknown !== undefined) throw new Refused('malformed');
    if (batch.root.length !== 32 || batch.count < 1 || batch.count > MAX_BATCH) throw new Refused('malformed');
    if (!equalBytes(batch.device, this.#device)) throw new Refused('not-authentic');
    return batch;
  }
}
