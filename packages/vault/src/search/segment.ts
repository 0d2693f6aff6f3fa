import { VaultError } from '../error.ts';
import { ByteReader, ByteWriter, utf8 } from '../format/bytes.ts';
import { encodePostings } from './postings.ts';

/** Documents of a segment are numbered from its first one; level n holds 8 times as many as level n − 1. */
export const SPANS = [512, 4096, 32_768] as const;
export const TOP_LEVEL = SPANS.length - 1;

/** Words of a dictionary block: small enough to open for one word, large enough to be few. */
const BLOCK_WORDS = 512;
/** bytes */
export const POSTING_BLOCK = 16_384;
/** Documents whose references share a block. */
export const BLOCK_REFERENCES = 256;

/** An immutable piece of the index, in the clear. */
export interface SegmentContent {
  readonly span: number;
  /** Ascending document numbers of each word. */
  readonly words: ReadonlyMap<string, readonly number[]>;
  /** Reference of each document, by number. */
  readonly references: ReadonlyMap<number, string>;
}

/** The same as blocks, each small enough to be opened by itself. */
export interface SegmentBlocks {
  /** First word of each dictionary block. */
  readonly directory: Uint8Array;
  readonly dictionary: readonly Uint8Array[];
  readonly postings: readonly Uint8Array[];
  readonly references: readonly Uint8Array[];
}

/** Words in order with where their postings are; a word of one document has that document instead. */
export interface DictionaryBlock {
  readonly words: readonly string[];
  readonly counts: Uint32Array;
  /** Offset in the postings, or the only document. */
  readonly places: Uint32Array;
  /** bytes of postings */
  readonly lengths: Uint32Array;
}

export function encodeSegment({ span, words, references }: SegmentContent): SegmentBlocks {
  const sorted = [...words.keys()].sort();
  const postings = new ByteWriter(65_536);
  const dictionary: Uint8Array[] = [];
  const firstWords: string[] = [];
  for (let start = 0; start < sorted.length; start += BLOCK_WORDS) {
    const block = sorted.slice(start, start + BLOCK_WORDS);
    firstWords.push(block[0] ?? '');
    const writer = new ByteWriter(8192).varint(postings.length).varint(block.length);
    for (const word of block) {
      const documents = words.get(word) ?? [];
      writer.varint(documents.length);
      if (documents.length === 1) {
        writer.varint(documents[0] ?? 0);
        continue;
      }
      const before = postings.length;
      encodePostings(documents, span, postings);
      writer.varint(postings.length - before);
    }
    dictionary.push(writer.raw(utf8(block.join('\n'))).copy());
  }
  const stream = postings.view();
  const directory = new ByteWriter(4096).raw(utf8(firstWords.join('\n'))).copy();
  return {
    directory,
    dictionary,
    postings: Array.from({ length: Math.ceil(stream.length / POSTING_BLOCK) }, (_, i) =>
      stream.slice(i * POSTING_BLOCK, (i + 1) * POSTING_BLOCK),
    ),
    references: encodeReferences(span, references),
  };
}

function encodeReferences(span: number, references: ReadonlyMap<number, string>): Uint8Array[] {
  return Array.from({ length: Math.ceil(span / BLOCK_REFERENCES) }, (_, block) => {
    const writer = new ByteWriter(8192);
    for (let i = 0; i < BLOCK_REFERENCES; i++) {
      const reference = references.get(block * BLOCK_REFERENCES + i);
      if (reference === undefined) writer.u8(0);
      else writer.u8(1).text(reference);
    }
    return writer.copy();
  });
}

export function decodeDirectory(bytes: Uint8Array): string[] {
  return lines(bytes);
}

/** Throws `damaged`. */
export function decodeDictionary(bytes: Uint8Array): DictionaryBlock {
  const reader = new ByteReader(bytes);
  let offset = reader.varint();
  const count = reader.varint();
  if (count > BLOCK_WORDS) throw new VaultError('damaged', 'a search segment does not parse');
  const counts = new Uint32Array(count);
  const places = new Uint32Array(count);
  const lengths = new Uint32Array(count);
  for (let i = 0; i < count; i++) {
    counts[i] = reader.varint();
    if (counts[i] === 1) {
      places[i] = reader.varint();
      continue;
    }
    const length = reader.varint();
    lengths[i] = length;
    places[i] = offset;
    offset += length;
  }
  const words = lines(reader.raw(reader.left));
  if (words.length !== count) throw new VaultError('damaged', 'a search segment does not parse');
  return { words, counts, places, lengths };
}

/** References of a block's documents; null: that document is gone. */
export function decodeReferences(bytes: Uint8Array): (string | null)[] {
  const reader = new ByteReader(bytes);
  const references: (string | null)[] = [];
  for (let i = 0; i < BLOCK_REFERENCES; i++) references.push(reader.u8() === 0 ? null : reader.text());
  reader.end();
  return references;
}

const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

function lines(bytes: Uint8Array): string[] {
  return bytes.length === 0 ? [] : decoder.decode(bytes).split('\n');
}
