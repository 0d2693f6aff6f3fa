import { create, toBinary } from '@bufbuild/protobuf';
import type { CryptoProvider, PrivateKey } from '@sotto/crypto';
import { PrekeyBatchSchema, PrekeyEntrySchema, PrekeyLeafSchema, ProvenPrekeySchema, signBytes } from '@sotto/wire';
import type { DeviceId } from '@sotto/wire';
import { RatchetError } from '../error.ts';
import { LASTING, ONE_TIME, PREKEYS } from './kinds.ts';
import type { PrekeyName } from './kinds.ts';
import { prekeyLifetime } from './lifetime.ts';
import { merkleProof, merkleTree } from './merkle.ts';
import { encodePrekeyRecord } from './record.ts';

/** Leaves of a batch: a proof has at most 10 hashes. */
export const MAX_BATCH = 1024;
const BATCH_VERSION = 1;
const LAST_ID = 0xffff_ffff;

export interface PrekeyRequest {
  readonly device: DeviceId;
  /** The device's Ed25519 key. */
  readonly signingKey: PrivateKey<'ed25519'>;
  /** Whether to make the three lasting prekeys. */
  readonly lasting: boolean;
  /** How many one-time prekeys of each of the two kinds. */
  readonly oneTime: number;
  /** Ids are given from here on, in the order of the result; above every id this device has used, and not 0. */
  readonly firstId: number;
  /** Unix ms */
  readonly now: number;
}

/** A prekey that was just made. */
export interface CreatedPrekey {
  readonly kind: PrekeyName;
  readonly id: number;
  /** Unix seconds after which it is to be replaced by others. */
  readonly expiresAt: number;
  /** Serialised sotto.gateway.v1.PrekeyEntry, to upload. */
  readonly entry: Uint8Array;
  /** The private half, to store; `readPrekeyRecord` reads it. Wipe it after storing. */
  readonly record: Uint8Array;
}

/**
 * Makes prekeys, signed as one batch: a Merkle root over leaves that name kind, id, expiry and key.
 * Throws `RatchetError` `parameters` for an empty or too large batch and for ids out of range.
 */
export function createPrekeys(provider: CryptoProvider, request: PrekeyRequest): CreatedPrekey[] {
  const { device, signingKey, lasting, oneTime, firstId, now } = request;
  const kinds = [
    ...(lasting ? LASTING : []),
    ...ONE_TIME.flatMap((kind) => Array.from({ length: oneTime }, () => kind)),
  ];
  const counted = Number.isSafeInteger(oneTime) && oneTime >= 0 && kinds.length > 0 && kinds.length <= MAX_BATCH;
  if (!counted) throw new RatchetError('parameters', `a batch has 1 to ${MAX_BATCH} prekeys`);
  const lastId = firstId + kinds.length - 1;
  if (!Number.isSafeInteger(firstId) || firstId < 1 || lastId > LAST_ID) {
    throw new RatchetError('parameters', 'prekey ids are out of range');
  }

  const made = kinds.map((kind, index) => makePrekey(provider, kind, firstId + index, now));
  const levels = merkleTree(
    provider,
    made.map(({ leaf }) => leaf),
  );
  const root = levels.at(-1)?.[0] ?? new Uint8Array(0);
  const batch = signBytes(
    'sotto/v1/prekeys',
    toBinary(
      PrekeyBatchSchema,
      create(PrekeyBatchSchema, {
        version: BATCH_VERSION,
        device,
        root,
        count: made.length,
        createdAt: BigInt(now),
      }),
    ),
    [{ publicKey: signingKey.publicKey, sign: (message) => provider.sign(signingKey, message) }],
  );
  return made.map(({ kind, id, expiresAt, leaf, record }, index) => {
    const prekey = create(ProvenPrekeySchema, { leaf, index, proof: merkleProof(levels, index), batch });
    const entry = toBinary(PrekeyEntrySchema, create(PrekeyEntrySchema, { kind: PREKEYS[kind].proto, id, prekey }));
    return { kind, id, expiresAt, entry, record };
  });
}

function makePrekey(provider: CryptoProvider, kind: PrekeyName, id: number, now: number) {
  const traits = PREKEYS[kind];
  const { expiresAt, keptUntil } = prekeyLifetime(kind, now);
  using key = provider.generate(traits.key);
  using secret = key.export();
  const name = traits.key === 'x25519' ? key.publicKey : provider.hash('sha256', key.publicKey);
  const leaf = toBinary(
    PrekeyLeafSchema,
    create(PrekeyLeafSchema, { kind: traits.proto, id, expiresAt: BigInt(expiresAt), publicKey: key.publicKey }),
  );
  return { kind, id, expiresAt, leaf, record: encodePrekeyRecord({ kind, id, expiresAt, keptUntil, name }, secret) };
}
