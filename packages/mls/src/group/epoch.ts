import { Secret } from '@sotto/crypto';
import type { PrivateKey } from '@sotto/crypto';
import { hex } from '../bytes.ts';
import { decodeWhole } from '../codec/reader.ts';
import type { Reader } from '../codec/reader.ts';
import { Writer } from '../codec/writer.ts';
import { readGroupContext } from '../messages/group-context.ts';
import type { GroupContext } from '../messages/group-context.ts';
import { LeafNode } from '../messages/leaf-node.ts';
import type { EpochSecrets } from '../schedule/key-schedule.ts';
import type { SuiteCrypto } from '../suite.ts';
import type { SignatureKind } from '@sotto/crypto';
import type { PathKeys } from '../tree/treekem.ts';

/** One epoch as a member holds it; the tree, the secret tree and the private path keys are kept apart. */
export interface Epoch {
  /** Names the epoch's records; two epochs of a fork have different ones. */
  readonly id: string;
  readonly context: GroupContext;
  readonly contextBytes: Uint8Array;
  readonly confirmationTag: Uint8Array;
  readonly interimTranscriptHash: Uint8Array;
  readonly secrets: EpochSecrets;
  readonly ownLeaf: number;
  /** Leaves that the tree has room for. */
  readonly width: number;
  readonly signer: PrivateKey<SignatureKind>;
  /** Of the message that began it; null for the first and for one joined by Welcome. */
  readonly commitDigest: Uint8Array | null;
}

const SECRET_NAMES = [
  'senderData',
  'exporter',
  'external',
  'confirmation',
  'membership',
  'resumption',
  'authenticator',
  'init',
] as const satisfies readonly (keyof EpochSecrets)[];

const ID_SIZE = 8;

export function epochId(crypto: SuiteCrypto, confirmationTag: Uint8Array): string {
  return hex(crypto.hash(confirmationTag).subarray(0, ID_SIZE));
}

/** Secret. */
export function encodeEpoch(epoch: Epoch): Uint8Array {
  const writer = new Writer(1024).vector(epoch.contextBytes).vector(epoch.confirmationTag);
  writer.vector(epoch.interimTranscriptHash).uint32(epoch.ownLeaf).uint32(epoch.width);
  for (const name of SECRET_NAMES) writer.vector(epoch.secrets[name].reveal());
  using signer = epoch.signer.export();
  writer.vector(signer.reveal());
  return writer.optional(epoch.commitDigest, (inner, digest) => inner.vector(digest)).finish();
}

export function readEpoch(crypto: SuiteCrypto, reader: Reader): Epoch {
  const contextBytes = reader.vector();
  const confirmationTag = reader.vector();
  const interimTranscriptHash = reader.vector();
  const ownLeaf = reader.uint32();
  const width = reader.uint32();
  const secret = (): Secret => Secret.copy(reader.vector());
  const secrets: EpochSecrets = {
    senderData: secret(),
    exporter: secret(),
    external: secret(),
    confirmation: secret(),
    membership: secret(),
    resumption: secret(),
    authenticator: secret(),
    init: secret(),
  };
  const signer = crypto.importSigner(reader.vector());
  return {
    id: epochId(crypto, confirmationTag),
    context: decodeWhole(contextBytes, readGroupContext),
    contextBytes,
    confirmationTag,
    interimTranscriptHash,
    secrets,
    ownLeaf,
    width,
    signer,
    commitDigest: reader.optional((inner) => inner.vector()),
  };
}

/** An epoch that is over, kept for messages that come late. */
export interface PastEpoch {
  readonly id: string;
  readonly context: GroupContext;
  readonly contextBytes: Uint8Array;
  readonly senderData: Secret;
  readonly resumption: Secret;
  readonly ownLeaf: number;
  readonly width: number;
  /** Leaves that the next epoch changed, as they were; null for a blank one. */
  readonly replaced: ReadonlyMap<number, LeafNode | null>;
}

export function encodePastEpoch(epoch: PastEpoch): Uint8Array {
  const writer = new Writer(1024).raw(hexBytes(epoch.id)).vector(epoch.contextBytes);
  writer.vector(epoch.senderData.reveal()).vector(epoch.resumption.reveal());
  writer.uint32(epoch.ownLeaf).uint32(epoch.width);
  writer.list(epoch.replaced, (inner, [leaf, node]) => {
    inner.uint32(leaf).optional(node, (nested, { bytes }) => nested.vector(bytes));
  });
  return writer.finish();
}

export function readPastEpoch(reader: Reader): PastEpoch {
  const id = hex(reader.take(ID_SIZE));
  const contextBytes = reader.vector();
  return {
    id,
    context: decodeWhole(contextBytes, readGroupContext),
    contextBytes,
    senderData: Secret.copy(reader.vector()),
    resumption: Secret.copy(reader.vector()),
    ownLeaf: reader.uint32(),
    width: reader.uint32(),
    replaced: new Map(
      reader.list((inner) => [inner.uint32(), inner.optional((nested) => new LeafNode(nested.vector()))] as const),
    ),
  };
}

/** Secret. */
export function encodeKeys(keys: PathKeys): Uint8Array {
  return new Writer(1024)
    .list(keys, (inner, [index, key]) => {
      using secret = key.export();
      inner.uint32(index).vector(secret.reveal());
    })
    .finish();
}

export function readKeys(crypto: SuiteCrypto, reader: Reader): PathKeys {
  return new Map(reader.list((inner) => [inner.uint32(), crypto.importKey(inner.vector())] as const));
}

function hexBytes(text: string): Uint8Array {
  return Uint8Array.from({ length: text.length / 2 }, (_, i) => Number.parseInt(text.slice(2 * i, 2 * i + 2), 16));
}
