import { VaultError } from '../error.ts';
import { ByteReader, ByteWriter } from '../format/bytes.ts';
import { VAULT_KEY_SIZE } from '../keys.ts';
import type { SegmentKey } from './block-store.ts';
import { SPANS } from './segment.ts';

const MAX_SEGMENTS = 65_536;

/** A segment as the manifest knows it. It covers documents `index * SPANS[level]` and the rest of that span. */
export interface SegmentEntry extends SegmentKey {
  readonly level: number;
  readonly index: number;
  readonly dictionaryBlocks: number;
  readonly postingBlocks: number;
  readonly referenceBlocks: number;
}

/** What the index consists of. A segment's key exists only here: an entry removed is a segment gone. */
export interface Manifest {
  /** First document number that no segment covers. */
  readonly next: number;
  /** Number for the next segment. */
  readonly nextSegment: number;
  /** Day on which the words of deleted documents were last purged. */
  readonly purgedDay: number;
  /** Newest documents first. */
  readonly segments: readonly SegmentEntry[];
}

export const EMPTY_MANIFEST: Manifest = { next: 0, nextSegment: 1, purgedDay: 0, segments: [] };

export function spanOf({ level }: Pick<SegmentEntry, 'level'>): number {
  const span = SPANS[level];
  if (span === undefined) throw new VaultError('damaged', 'a search segment has no such level');
  return span;
}

export function baseOf(segment: Pick<SegmentEntry, 'level' | 'index'>): number {
  return segment.index * spanOf(segment);
}

export function encodeManifest({ next, nextSegment, purgedDay, segments }: Manifest): Uint8Array {
  const writer = new ByteWriter(4096).varint(next).varint(nextSegment).varint(purgedDay).varint(segments.length);
  for (const segment of segments) {
    writer.varint(segment.number).raw(segment.key).u8(segment.level).varint(segment.index);
    writer.varint(segment.dictionaryBlocks).varint(segment.postingBlocks).varint(segment.referenceBlocks);
  }
  return writer.copy();
}

/** Throws `damaged`. */
export function decodeManifest(bytes: Uint8Array): Manifest {
  const reader = new ByteReader(bytes);
  const next = reader.varint();
  const nextSegment = reader.varint();
  const purgedDay = reader.varint();
  const count = reader.varint();
  if (count > MAX_SEGMENTS) throw new VaultError('damaged', 'the list of search segments is too long');
  const segments = Array.from({ length: count }, () => ({
    number: reader.varint(),
    key: reader.raw(VAULT_KEY_SIZE).slice(),
    level: reader.u8(),
    index: reader.varint(),
    dictionaryBlocks: reader.varint(),
    postingBlocks: reader.varint(),
    referenceBlocks: reader.varint(),
  }));
  reader.end();
  for (const segment of segments) spanOf(segment);
  return { next, nextSegment, purgedDay, segments };
}
