import type { PrivateKey } from '@sotto/crypto';
import { MlsError } from '../error.ts';
import { Reader } from '../codec/reader.ts';
import { Writer } from '../codec/writer.ts';
import type { SuiteCrypto } from '../suite.ts';
import type { SignatureKind } from '@sotto/crypto';
import { readExtensions, writeExtensions } from './extension.ts';
import type { Extension } from './extension.ts';
import { readLeafNode } from './leaf-node.ts';
import type { LeafNode } from './leaf-node.ts';

/** RFC 9420 §6: the only version. */
export const MLS10 = 1;

const LABEL = 'KeyPackageTBS';

/** What others need to add a client to a group, RFC 9420 §10. */
export interface KeyPackage {
  readonly version: number;
  readonly cipherSuite: number;
  readonly initKey: Uint8Array;
  readonly leafNode: LeafNode;
  readonly extensions: readonly Extension[];
  readonly signature: Uint8Array;
  readonly bytes: Uint8Array;
  /** bytes before the signature */
  readonly signedLength: number;
}

export function readKeyPackage(reader: Reader): KeyPackage {
  const start = reader.offset;
  const version = reader.uint16();
  const cipherSuite = reader.uint16();
  const initKey = reader.vector();
  const leafNode = readLeafNode(reader);
  const extensions = readExtensions(reader);
  const signedLength = reader.offset - start;
  const signature = reader.vector();
  const bytes = reader.bytes.subarray(start, reader.offset);
  return { version, cipherSuite, initKey, leafNode, extensions, signature, bytes, signedLength };
}

export function writeKeyPackage(writer: Writer, keyPackage: KeyPackage): void {
  writer.raw(keyPackage.bytes);
}

export function signKeyPackage(
  crypto: SuiteCrypto,
  signer: PrivateKey<SignatureKind>,
  fields: Pick<KeyPackage, 'initKey' | 'leafNode' | 'extensions'>,
): KeyPackage {
  const writer = new Writer(512)
    .uint16(MLS10)
    .uint16(crypto.suite.id)
    .vector(fields.initKey)
    .raw(fields.leafNode.bytes);
  writeExtensions(writer, fields.extensions);
  const content = writer.finish();
  const signature = crypto.sign(signer, LABEL, content);
  const bytes = new Writer(content.length + 72).raw(content).vector(signature).finish();
  return readKeyPackage(new Reader(bytes));
}

/** The signature alone; RFC 9420 §10.1's other rules are `validateKeyPackage`'s. Throws `key_package_signature`. */
export function verifyKeyPackageSignature(crypto: SuiteCrypto, keyPackage: KeyPackage): void {
  const content = keyPackage.bytes.subarray(0, keyPackage.signedLength);
  if (!crypto.verify(keyPackage.leafNode.verifier(crypto), LABEL, keyPackage.signature, content)) {
    throw new MlsError('key_package_signature', 'the signature of a key package is not valid');
  }
}

/** KeyPackageRef, RFC 9420 §5.2. */
export function keyPackageRef(crypto: SuiteCrypto, bytes: Uint8Array): Uint8Array {
  return crypto.refHash('MLS 1.0 KeyPackage Reference', bytes);
}
