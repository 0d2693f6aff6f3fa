import type { Reader } from '../codec/reader.ts';
import { encode } from '../codec/writer.ts';
import type { Writer } from '../codec/writer.ts';
import { readExtensions, writeExtensions } from './extension.ts';
import type { Extension } from './extension.ts';

/** What all members of an epoch agree on, RFC 9420 §8.1. */
export interface GroupContext {
  readonly version: number;
  readonly cipherSuite: number;
  readonly groupId: Uint8Array;
  readonly epoch: bigint;
  readonly treeHash: Uint8Array;
  readonly confirmedTranscriptHash: Uint8Array;
  readonly extensions: readonly Extension[];
}

export function writeGroupContext(writer: Writer, context: GroupContext): void {
  writer.uint16(context.version).uint16(context.cipherSuite).vector(context.groupId).uint64(context.epoch);
  writer.vector(context.treeHash).vector(context.confirmedTranscriptHash);
  writeExtensions(writer, context.extensions);
}

export function readGroupContext(reader: Reader): GroupContext {
  return {
    version: reader.uint16(),
    cipherSuite: reader.uint16(),
    groupId: reader.vector(),
    epoch: reader.uint64(),
    treeHash: reader.vector(),
    confirmedTranscriptHash: reader.vector(),
    extensions: readExtensions(reader),
  };
}

export function encodeGroupContext(context: GroupContext): Uint8Array {
  return encode(context, writeGroupContext);
}
