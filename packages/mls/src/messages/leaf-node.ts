import type { PrivateKey, PublicKey } from '@sotto/crypto';
import { Reader } from '../codec/reader.ts';
import { Writer } from '../codec/writer.ts';
import { MlsError } from '../error.ts';
import type { SuiteCrypto } from '../suite.ts';
import type { SignatureKind } from '@sotto/crypto';
import { readCapabilities, writeCapabilities } from './capabilities.ts';
import type { Capabilities } from './capabilities.ts';
import { readCredential, writeCredential } from './credential.ts';
import type { Credential } from './credential.ts';
import { readExtensions, writeExtensions } from './extension.ts';
import type { Extension } from './extension.ts';

/** Unix seconds. */
export interface Lifetime {
  readonly notBefore: bigint;
  readonly notAfter: bigint;
}

/** How a leaf came into the tree, RFC 9420 §7.2. */
export type LeafNodeSource =
  | { readonly kind: 'key_package'; readonly lifetime: Lifetime }
  | { readonly kind: 'update' }
  | { readonly kind: 'commit'; readonly parentHash: Uint8Array };

export interface LeafNodeFields {
  readonly encryptionKey: Uint8Array;
  readonly signatureKey: Uint8Array;
  readonly credential: Credential;
  readonly capabilities: Capabilities;
  readonly source: LeafNodeSource;
  readonly extensions: readonly Extension[];
}

const SOURCES = { key_package: 1, update: 2, commit: 3 } as const;
const LABEL = 'LeafNodeTBS';

/** A signed leaf, RFC 9420 §7.2. Holds its encoding; fields are parsed, and keys imported, when first asked for. */
export class LeafNode {
  readonly bytes: Uint8Array;
  #parsed: ParsedLeafNode | undefined;
  #encryption: PublicKey | undefined;
  #verifier: PublicKey<SignatureKind> | undefined;

  /** `bytes` as accepted before: parsed when needed. */
  constructor(bytes: Uint8Array, parsed?: ParsedLeafNode) {
    this.bytes = bytes;
    this.#parsed = parsed;
  }

  get fields(): LeafNodeFields {
    return this.#parse().fields;
  }

  get encryptionKey(): Uint8Array {
    return this.fields.encryptionKey;
  }

  get signatureKey(): Uint8Array {
    return this.fields.signatureKey;
  }

  get credential(): Credential {
    return this.fields.credential;
  }

  get source(): LeafNodeSource {
    return this.fields.source;
  }

  /** Throws `bad_key`. */
  publicKey(crypto: SuiteCrypto): PublicKey {
    this.#encryption ??= crypto.importPublicKey(this.encryptionKey);
    return this.#encryption;
  }

  /** Throws `bad_key`. */
  verifier(crypto: SuiteCrypto): PublicKey<SignatureKind> {
    this.#verifier ??= crypto.importVerifier(this.signatureKey);
    return this.#verifier;
  }

  /** `place` is needed (and signed) unless the leaf is a key package's. Throws `bad_key`, `leaf_signature`. */
  verify(crypto: SuiteCrypto, place: LeafPlace | null): void {
    const { signature, signedLength } = this.#parse();
    const content = this.bytes.subarray(0, signedLength);
    if (!crypto.verify(this.verifier(crypto), LABEL, signature, content, placeBytes(this.source, place))) {
      throw new MlsError('leaf_signature', 'the signature of a leaf is not valid');
    }
  }

  #parse(): ParsedLeafNode {
    this.#parsed ??= parse(new Reader(this.bytes));
    return this.#parsed;
  }
}

/** Where an updated or committed leaf stands. */
export interface LeafPlace {
  readonly groupId: Uint8Array;
  readonly leafIndex: number;
}

interface ParsedLeafNode {
  readonly fields: LeafNodeFields;
  readonly signature: Uint8Array;
  /** bytes before the signature */
  readonly signedLength: number;
}

export function writeLeafNode(writer: Writer, leaf: LeafNode): void {
  writer.raw(leaf.bytes);
}

export function readLeafNode(reader: Reader): LeafNode {
  const start = reader.offset;
  const parsed = parse(reader);
  return new LeafNode(reader.bytes.subarray(start, reader.offset), parsed);
}

/** Signs a leaf; `place` as for `verify`. */
export function signLeafNode(
  crypto: SuiteCrypto,
  signer: PrivateKey<SignatureKind>,
  fields: LeafNodeFields,
  place: LeafPlace | null,
): LeafNode {
  const writer = new Writer(512);
  writeFields(writer, fields);
  const content = writer.finish();
  const signature = crypto.sign(signer, LABEL, content, placeBytes(fields.source, place));
  const bytes = new Writer(content.length + signature.length + 4).raw(content).vector(signature).finish();
  return new LeafNode(bytes.slice(), { fields, signature, signedLength: content.length });
}

function placeBytes(source: LeafNodeSource, place: LeafPlace | null): Uint8Array {
  const writer = new Writer(64);
  if (source.kind !== 'key_package') {
    if (place === null) throw new MlsError('leaf_source', 'a leaf without a place is not from a key package');
    writer.vector(place.groupId).uint32(place.leafIndex);
  }
  return writer.finish();
}

function writeFields(writer: Writer, fields: LeafNodeFields): void {
  writer.vector(fields.encryptionKey).vector(fields.signatureKey);
  writeCredential(writer, fields.credential);
  writeCapabilities(writer, fields.capabilities);
  const { source } = fields;
  writer.uint8(SOURCES[source.kind]);
  if (source.kind === 'key_package') writer.uint64(source.lifetime.notBefore).uint64(source.lifetime.notAfter);
  if (source.kind === 'commit') writer.vector(source.parentHash);
  writeExtensions(writer, fields.extensions);
}

function parse(reader: Reader): ParsedLeafNode {
  const start = reader.offset;
  const fields = {
    encryptionKey: reader.vector(),
    signatureKey: reader.vector(),
    credential: readCredential(reader),
    capabilities: readCapabilities(reader),
    source: readSource(reader),
    extensions: readExtensions(reader),
  };
  const signedLength = reader.offset - start;
  return { fields, signature: reader.vector(), signedLength };
}

function readSource(reader: Reader): LeafNodeSource {
  switch (reader.uint8()) {
    case SOURCES.key_package:
      return { kind: 'key_package', lifetime: { notBefore: reader.uint64(), notAfter: reader.uint64() } };
    case SOURCES.update:
      return { kind: 'update' };
    case SOURCES.commit:
      return { kind: 'commit', parentHash: reader.vector() };
    default:
      throw new MlsError('malformed', 'a leaf has an unknown source');
  }
}
