import { ByteReader, ByteWriter } from '../format/bytes.ts';
import type { Wanted } from './segment-reader.ts';

/** A document that no segment holds yet. */
export interface PendingDocument {
  readonly reference: string;
  readonly words: readonly string[];
}

export function encodePending({ reference, words }: PendingDocument): Uint8Array {
  const writer = new ByteWriter().text(reference).varint(words.length);
  for (const word of words) writer.text(word);
  return writer.copy();
}

/** Throws `damaged`. */
export function decodePending(bytes: Uint8Array): PendingDocument {
  const reader = new ByteReader(bytes);
  const reference = reader.text();
  const words: string[] = [];
  for (let left = reader.varint(); left > 0; left--) words.push(reader.text());
  reader.end();
  return { reference, words };
}

export function pendingMatches({ words }: PendingDocument, wanted: readonly Wanted[]): boolean {
  return wanted.every(({ word, prefix }) => words.some((own) => (prefix ? own.startsWith(word) : own === word)));
}
