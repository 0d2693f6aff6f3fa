import { VaultError } from '../error.ts';
import { Bitmap } from './bitmap.ts';
import type { BlockStore } from './block-store.ts';
import { spanOf } from './manifest.ts';
import type { SegmentEntry } from './manifest.ts';
import { addPostings, decodePostings } from './postings.ts';
import { BLOCK_REFERENCES, decodeDictionary, decodeDirectory, decodeReferences, POSTING_BLOCK } from './segment.ts';
import type { DictionaryBlock } from './segment.ts';

/** A word asked for. */
export interface Wanted {
  readonly word: string;
  /** Words that begin so count too. */
  readonly prefix: boolean;
}

/** A run of neighbouring words in a dictionary block. */
interface Run {
  readonly block: DictionaryBlock;
  readonly from: number;
  readonly to: number;
}

/** Reads one sealed segment, block by block. Throws `tampered` or `damaged`. */
export class SegmentReader {
  readonly entry: SegmentEntry;
  readonly span: number;
  readonly #blocks: BlockStore;

  constructor(entry: SegmentEntry, blocks: BlockStore) {
    this.entry = entry;
    this.span = spanOf(entry);
    this.#blocks = blocks;
  }

  /** Documents that have every wanted word; null: none. */
  match(wanted: readonly Wanted[]): Bitmap | null {
    const found = wanted.map((word) => this.#runs(word));
    if (found.some((runs) => runs.length === 0)) return null;
    const rarestFirst = found.toSorted((a, b) => sizeOf(a) - sizeOf(b));
    let result: Bitmap | null = null;
    for (const runs of rarestFirst) {
      const documents = this.#union(runs);
      if (result === null) result = documents;
      else if (!result.keep(documents)) return null;
    }
    return result;
  }

  reference(document: number): string | null {
    const block = Math.floor(document / BLOCK_REFERENCES);
    if (block >= this.entry.referenceBlocks) return null;
    const references = this.#blocks.read(this.entry, 'references', block, decodeReferences);
    return references[document % BLOCK_REFERENCES] ?? null;
  }

  /** Every word with its documents, in order. */
  *words(): Generator<readonly [word: string, documents: readonly number[]], undefined> {
    for (let i = 0; i < this.entry.dictionaryBlocks; i++) {
      const block = decodeDictionary(this.#blocks.open(this.entry, 'dictionary', i));
      for (const [at, word] of block.words.entries()) {
        const count = block.counts[at] ?? 0;
        const place = block.places[at] ?? 0;
        if (count === 1) yield [word, [place]];
        else yield [word, decodePostings(this.#postings(place, block.lengths[at] ?? 0), count, this.span)];
      }
    }
  }

  *references(): Generator<readonly [document: number, reference: string], undefined> {
    for (let block = 0; block < this.entry.referenceBlocks; block++) {
      const references = decodeReferences(this.#blocks.open(this.entry, 'references', block));
      for (const [i, reference] of references.entries()) {
        if (reference !== null) yield [block * BLOCK_REFERENCES + i, reference];
      }
    }
  }

  #runs({ word, prefix }: Wanted): Run[] {
    const { dictionaryBlocks } = this.entry;
    const firstWords = this.#blocks.read(this.entry, 'directory', 0, decodeDirectory);
    if (firstWords.length !== dictionaryBlocks) throw new VaultError('damaged', 'a search segment does not parse');
    const runs: Run[] = [];
    for (let i = Math.max(0, lowerBound(firstWords, word) - 1); i < dictionaryBlocks; i++) {
      const first = firstWords[i] ?? '';
      if (first > word && !(prefix && first.startsWith(word))) break;
      const block = this.#blocks.read(this.entry, 'dictionary', i, decodeDictionary);
      const from = lowerBound(block.words, word);
      let to = from;
      while (to < block.words.length && isWanted(block.words[to] ?? '', word, prefix)) to++;
      if (to > from) runs.push({ block, from, to });
    }
    return runs;
  }

  #union(runs: readonly Run[]): Bitmap {
    const result = new Bitmap(this.span);
    for (const { block, from, to } of runs) {
      for (let i = from; i < to; i++) {
        const count = block.counts[i] ?? 0;
        const place = block.places[i] ?? 0;
        if (count === 1) result.add(place);
        else addPostings(this.#postings(place, block.lengths[i] ?? 0), count, this.span, result);
      }
    }
    return result;
  }

  #postings(offset: number, length: number): Uint8Array {
    const first = Math.floor(offset / POSTING_BLOCK);
    const start = offset - first * POSTING_BLOCK;
    const head = this.#blocks.read(this.entry, 'postings', first, (bytes) => bytes);
    if (start + length <= head.length) return head.subarray(start, start + length);
    const joined = new Uint8Array(length);
    let have = 0;
    for (let block = first, from = start; have < length; block++, from = 0) {
      const bytes = this.#blocks.read(this.entry, 'postings', block, (plain) => plain);
      const part = bytes.subarray(from, from + length - have);
      if (part.length === 0) throw new VaultError('damaged', 'a search segment does not parse');
      joined.set(part, have);
      have += part.length;
    }
    return joined;
  }
}

function isWanted(word: string, wanted: string, prefix: boolean): boolean {
  return prefix ? word.startsWith(wanted) : word === wanted;
}

function sizeOf(runs: readonly Run[]): number {
  let size = 0;
  for (const { block, from, to } of runs) for (let i = from; i < to; i++) size += block.counts[i] ?? 0;
  return size;
}

/** Index of the first word not below `word`. */
function lowerBound(words: readonly string[], word: string): number {
  let low = 0;
  let high = words.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((words[middle] ?? '') < word) low = middle + 1;
    else high = middle;
  }
  return low;
}
