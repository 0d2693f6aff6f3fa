/**
 * Where sealed attachments lie. What is in here is worthless without the keys in the vault, and names say nothing.
 * Methods throw errors of the system (`ENOENT`, `ENOSPC`, …).
 */
export interface SealedFiles {
  /** A new file. */
  create(name: string): Promise<FileSink>;
  /** Goes on with a file that has at least `at` bytes; what lies beyond is cut off. */
  append(name: string, at: number): Promise<FileSink>;
  /**
   * Pieces of exactly `pieceBytes`, the last one aside, from a byte on. `lent`: a piece is good until the next one is
   * asked for; that spares the collector hundreds of megabytes for a film.
   */
  read(name: string, from: number, pieceBytes: number, lent?: 'lent'): AsyncIterable<Uint8Array>;
  /** Bytes; null: no such file. */
  size(name: string): Promise<number | null>;
  /** Also if there is no such file. */
  remove(name: string): Promise<void>;
  list(): Promise<readonly string[]>;
}

/** A file being written. One call at a time. */
export interface FileSink {
  /** One after the other. */
  write(...parts: readonly Uint8Array[]): Promise<void>;
  /** Resolves when everything is on disk, the name too. */
  finish(): Promise<void>;
  /** Closes it as it is; nothing is promised of it. */
  leave(): Promise<void>;
}
