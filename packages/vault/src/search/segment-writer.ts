import type { CryptoProvider } from '@sotto/crypto';
import { VAULT_KEY_SIZE } from '../keys.ts';
import type { Bitmap } from './bitmap.ts';
import type { BlockKind, BlockStore } from './block-store.ts';
import { baseOf, spanOf } from './manifest.ts';
import type { SegmentEntry } from './manifest.ts';
import type { PendingDocument } from './pending.ts';
import { SegmentReader } from './segment-reader.ts';
import { encodeSegment } from './segment.ts';
import type { SegmentContent } from './segment.ts';

/** Where a segment goes. */
export type SegmentPlace = Pick<SegmentEntry, 'number' | 'level' | 'index'>;

/** A segment in the making. */
class Collected implements SegmentContent {
  readonly span: number;
  readonly words = new Map<string, number[]>();
  readonly references = new Map<number, string>();

  constructor(span: number) {
    this.span = span;
  }

  add(word: string, document: number): void {
    const documents = this.words.get(word);
    if (documents === undefined) this.words.set(word, [document]);
    else documents.push(document);
  }
}

/** What pending documents say. */
export function collectPending(place: SegmentPlace, pending: ReadonlyMap<number, PendingDocument>): SegmentContent {
  const content = new Collected(spanOf(place));
  const base = baseOf(place);
  for (const [document, { reference, words }] of pending) {
    content.references.set(document - base, reference);
    for (const word of words) content.add(word, document - base);
  }
  return content;
}

/** What still lives in `old` segments, which lie within the new one's span. */
export function collectLiving(
  place: SegmentPlace,
  old: readonly SegmentEntry[],
  deadOf: (segment: SegmentEntry) => Bitmap | undefined,
  blocks: BlockStore,
): SegmentContent {
  const content = new Collected(spanOf(place));
  for (const segment of old.toSorted((a, b) => baseOf(a) - baseOf(b))) {
    const reader = new SegmentReader(segment, blocks);
    const dead = deadOf(segment);
    const shift = baseOf(segment) - baseOf(place);
    for (const [document, reference] of reader.references()) {
      if (dead?.has(document) !== true) content.references.set(document + shift, reference);
    }
    for (const [word, documents] of reader.words()) {
      for (const document of documents) if (dead?.has(document) !== true) content.add(word, document + shift);
    }
  }
  return content;
}

/** Seals a segment's blocks under a key of its own. */
export function writeSegment(
  place: SegmentPlace,
  content: SegmentContent,
  blocks: BlockStore,
  provider: CryptoProvider,
): SegmentEntry {
  const { directory, dictionary, postings, references } = encodeSegment(content);
  const segment: SegmentEntry = {
    ...place,
    key: provider.random(VAULT_KEY_SIZE),
    dictionaryBlocks: dictionary.length,
    postingBlocks: postings.length,
    referenceBlocks: references.length,
  };
  const write = (kind: BlockKind, plaintexts: readonly Uint8Array[]) => {
    for (const [i, plaintext] of plaintexts.entries()) blocks.write(segment, kind, i, plaintext);
  };
  write('directory', [directory]);
  write('dictionary', dictionary);
  write('postings', postings);
  write('references', references);
  return segment;
}
