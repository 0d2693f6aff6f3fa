import type { CryptoProvider } from '@sotto/crypto';
import { VaultError } from '../error.ts';
import type { Database } from '../file/database.ts';
import type { HeadKeeper } from '../head-keeper.ts';
import { checkLimit, checkName } from '../rows/limits.ts';
import type { Rows } from '../rows/rows.ts';
import type { Collection, SearchHit, SearchOptions } from '../vault.ts';
import { Bitmap } from './bitmap.ts';
import { BlockStore } from './block-store.ts';
import type { BlockKind } from './block-store.ts';
import { queryWords, wordsOf } from './fold.ts';
import { baseOf, decodeManifest, EMPTY_MANIFEST, encodeManifest, spanOf } from './manifest.ts';
import type { Manifest, SegmentEntry } from './manifest.ts';
import { decodePending, encodePending, pendingMatches } from './pending.ts';
import type { PendingDocument } from './pending.ts';
import { PlaceMap } from './place-map.ts';
import { SegmentReader } from './segment-reader.ts';
import type { Wanted } from './segment-reader.ts';
import { collectLiving, collectPending, writeSegment } from './segment-writer.ts';
import { SPANS, TOP_LEVEL } from './segment.ts';

const MANIFEST: Collection = { name: '~search/manifest', purpose: 'state', version: 1 };
const PENDING: Collection = { name: '~search/pending', purpose: 'state', version: 1 };
const DEAD: Collection = { name: '~search/dead', purpose: 'state', version: 1 };
const MANIFEST_KEY = 'manifest';
/** Comes before every word; no word contains it. */
const SCOPE_MARK = '\u0001';
/** Segments of the lower levels that may wait for `maintain` before an event merges some itself. */
const MAX_WAITING = 64;

interface Loaded {
  manifest: Manifest;
  readonly pending: Map<number, PendingDocument>;
  /** Deleted documents by segment. */
  readonly dead: Map<string, Bitmap>;
  readonly dirtyDead: Set<string>;
  nextDocument: number;
}

export interface SearchParts {
  readonly provider: CryptoProvider;
  readonly database: Database;
  readonly head: HeadKeeper;
  readonly rows: Rows;
}

/**
 * Full-text search over sealed, immutable segments. Documents are numbered as they come; 512 of them make a segment,
 * eight segments make a larger one. What a segment holds (words, postings, references) lies in sealed blocks that are
 * opened when a search needs them; nothing in the file depends on a word except the sizes of blocks.
 */
export class SearchIndex {
  readonly #parts: SearchParts;
  readonly #blocks: BlockStore;
  readonly #places: PlaceMap;
  #loaded: Loaded | null = null;

  constructor(parts: SearchParts) {
    this.#parts = parts;
    this.#blocks = new BlockStore(parts.provider, parts.database);
    this.#places = new PlaceMap(parts.database, parts.head, parts.rows.codec);
  }

  /** Forgets what is in memory: after a rollback it may be ahead of the file. */
  reset(): void {
    this.#loaded = null;
    this.#blocks.clear();
  }

  /** Inside a transaction. */
  index(reference: string, text: string, scope: string | undefined): void {
    checkName(reference);
    if (scope !== undefined) checkName(scope);
    this.unindex(reference);
    const words = wordsOf(text);
    if (words.length === 0) return;
    if (scope !== undefined) words.push(this.#scopeWord(scope));
    const loaded = this.#load();
    if (loaded.nextDocument % SPANS[0] === 0) this.#flush(loaded);
    const document = loaded.nextDocument++;
    const pending = { reference, words };
    loaded.pending.set(document, pending);
    this.#parts.rows.put(PENDING, String(document), encodePending(pending));
    this.#places.set(reference, document);
  }

  /** Inside a transaction. */
  unindex(reference: string): void {
    checkName(reference);
    const document = this.#places.take(reference);
    if (document === null) return;
    const loaded = this.#load();
    if (loaded.pending.delete(document)) {
      this.#parts.rows.delete(PENDING, String(document));
      return;
    }
    const segment = loaded.manifest.segments.find((candidate) => covers(candidate, document));
    if (segment === undefined) throw new VaultError('tampered', 'the search index was changed');
    this.#deadOf(loaded, segment).add(document - baseOf(segment));
    loaded.dirtyDead.add(nameOf(segment));
  }

  /** Writes what a transaction gathered; before its head is sealed. */
  save(): void {
    const loaded = this.#loaded;
    if (loaded === null || loaded.dirtyDead.size === 0) return;
    for (const name of loaded.dirtyDead) {
      const dead = loaded.dead.get(name);
      if (dead !== undefined) this.#parts.rows.put(DEAD, name, dead.bytes());
    }
    loaded.dirtyDead.clear();
  }

  search(query: string, { limit, scope, before = Infinity }: SearchOptions): SearchHit[] {
    checkLimit(limit);
    if (scope !== undefined) checkName(scope);
    const wanted: Wanted[] = queryWords(query).map((word) => ({ word, prefix: true }));
    if (wanted.length === 0) return [];
    if (scope !== undefined) wanted.push({ word: this.#scopeWord(scope), prefix: false });
    const loaded = this.#load();
    const hits: SearchHit[] = [];
    for (const [position, document] of [...loaded.pending].toReversed()) {
      if (hits.length >= limit) return hits;
      if (position < before && pendingMatches(document, wanted)) hits.push({ reference: document.reference, position });
    }
    for (const segment of loaded.manifest.segments) {
      if (hits.length >= limit) break;
      if (baseOf(segment) < before) this.#searchSegment(loaded, segment, wanted, before, limit, hits);
    }
    return hits;
  }

  #searchSegment(
    loaded: Loaded,
    segment: SegmentEntry,
    wanted: readonly Wanted[],
    before: number,
    limit: number,
    hits: SearchHit[],
  ): void {
    const reader = new SegmentReader(segment, this.#blocks);
    const documents = reader.match(wanted);
    if (documents === null) return;
    const dead = loaded.dead.get(nameOf(segment));
    const base = baseOf(segment);
    for (const document of documents.descending(Math.min(reader.span, before - base))) {
      if (hits.length >= limit) return;
      if (dead?.has(document) === true) continue;
      const reference = reader.reference(document);
      if (reference === null) throw new VaultError('damaged', 'a search segment does not parse');
      hits.push({ reference, position: base + document });
    }
  }

  /**
   * One step of upkeep inside a transaction: merges complete groups of segments, and once a day rewrites segments
   * without the words of deleted documents. False: there was nothing to do.
   */
  maintain(day: number): boolean {
    const loaded = this.#load();
    if (this.#mergeOne(loaded)) return true;
    if (loaded.manifest.purgedDay === day || (loaded.dead.size === 0 && loaded.manifest.segments.length === 0)) {
      return false;
    }
    const stale = loaded.manifest.segments.find((segment) => loaded.dead.has(nameOf(segment)));
    if (stale === undefined) this.#write(loaded, { ...loaded.manifest, purgedDay: day });
    else this.#replace(loaded, [stale], stale.level, stale.index);
    return true;
  }

  /**
   * Verifies all blocks and places. Yields what each piece of work is worth in rows; between pieces events may happen.
   * After a rollback the verification must begin anew.
   */
  *verification(): Generator<number, undefined> {
    while (!(yield* this.#verifyBlocks()));
    yield* this.#places.verification();
  }

  /** False: the segments changed meanwhile. */
  *#verifyBlocks(): Generator<number, boolean> {
    const { manifest } = this.#load();
    let blocks = 0;
    for (const segment of manifest.segments) {
      for (const [kind, count] of blockCounts(segment)) {
        blocks += count;
        for (let i = 0; i < count; i++) {
          if (this.#load().manifest !== manifest) return false;
          this.#blocks.open(segment, kind, i);
          yield 2;
        }
      }
    }
    if (this.#load().manifest !== manifest) return false;
    if (this.#blocks.count() !== blocks) throw new VaultError('tampered', 'the search index was changed');
    return true;
  }

  #load(): Loaded {
    if (this.#loaded !== null) return this.#loaded;
    const { rows } = this.#parts;
    const stored = rows.get(MANIFEST, MANIFEST_KEY);
    const manifest = stored === null ? EMPTY_MANIFEST : decodeManifest(stored);
    const pending = rows
      .all(PENDING)
      .map(({ key, value }) => [Number(key), decodePending(value)] as const)
      .toSorted(([a], [b]) => a - b);
    const dead = rows.all(DEAD).map(({ key, value }) => [key, bitmapOf(value)] as const);
    this.#loaded = {
      manifest,
      pending: new Map(pending),
      dead: new Map(dead),
      dirtyDead: new Set(),
      nextDocument: Math.max(manifest.next, (pending.at(-1)?.[0] ?? -1) + 1),
    };
    return this.#loaded;
  }

  /** Makes the pending documents a segment. They all lie in one span of the lowest level, which is now full. */
  #flush(loaded: Loaded): void {
    if (loaded.pending.size === 0) return;
    const { manifest, pending } = loaded;
    const place = { number: manifest.nextSegment, level: 0, index: loaded.nextDocument / SPANS[0] - 1 };
    const content = collectPending(place, pending);
    for (const document of pending.keys()) this.#parts.rows.delete(PENDING, String(document));
    pending.clear();
    const segment = writeSegment(place, content, this.#blocks, this.#parts.provider);
    const segments = [segment, ...manifest.segments];
    this.#write(loaded, { ...manifest, next: loaded.nextDocument, nextSegment: segment.number + 1, segments });
    if (loaded.manifest.segments.filter(({ level }) => level < TOP_LEVEL).length > MAX_WAITING) this.#mergeOne(loaded);
  }

  /** Merges the segments below one complete span of a higher level. */
  #mergeOne(loaded: Loaded): boolean {
    const { manifest } = loaded;
    for (let level = 1; level <= TOP_LEVEL; level++) {
      const span = SPANS[level] ?? 0;
      const child = manifest.segments.findLast(
        (segment) => segment.level === level - 1 && (Math.floor(baseOf(segment) / span) + 1) * span <= manifest.next,
      );
      if (child === undefined) continue;
      const index = Math.floor(baseOf(child) / span);
      const group = manifest.segments.filter(
        (segment) => segment.level < level && Math.floor(baseOf(segment) / span) === index,
      );
      this.#replace(loaded, group, level, index);
      return true;
    }
    return false;
  }

  /** Writes a segment of what still lives in `old`, and removes those. */
  #replace(loaded: Loaded, old: readonly SegmentEntry[], level: number, index: number): void {
    const { manifest, dead } = loaded;
    const place = { number: manifest.nextSegment, level, index };
    const content = collectLiving(place, old, (segment) => dead.get(nameOf(segment)), this.#blocks);
    for (const segment of old) {
      this.#blocks.remove(segment);
      if (dead.delete(nameOf(segment))) this.#parts.rows.delete(DEAD, nameOf(segment));
    }
    const kept = manifest.segments.filter((segment) => !old.includes(segment));
    if (content.references.size > 0) kept.push(writeSegment(place, content, this.#blocks, this.#parts.provider));
    const segments = kept.toSorted((a, b) => baseOf(b) - baseOf(a));
    this.#write(loaded, { ...manifest, nextSegment: place.number + 1, segments });
  }

  #write(loaded: Loaded, manifest: Manifest): void {
    loaded.manifest = manifest;
    this.#parts.rows.put(MANIFEST, MANIFEST_KEY, encodeManifest(manifest));
  }

  #deadOf(loaded: Loaded, segment: SegmentEntry): Bitmap {
    let dead = loaded.dead.get(nameOf(segment));
    if (dead === undefined) {
      dead = new Bitmap(spanOf(segment));
      loaded.dead.set(nameOf(segment), dead);
    }
    return dead;
  }

  #scopeWord(scope: string): string {
    const hash = this.#parts.rows.codec.lookup(0, 'scope', scope);
    return `${SCOPE_MARK}${Buffer.from(hash).toString('hex')}`;
  }
}

function blockCounts(segment: SegmentEntry): readonly (readonly [BlockKind, number])[] {
  return [
    ['directory', 1],
    ['dictionary', segment.dictionaryBlocks],
    ['postings', segment.postingBlocks],
    ['references', segment.referenceBlocks],
  ];
}

function nameOf({ level, index }: SegmentEntry): string {
  return `${level}/${index}`;
}

function covers(segment: SegmentEntry, document: number): boolean {
  const base = baseOf(segment);
  return document >= base && document < base + spanOf(segment);
}

/** Throws `damaged`. */
function bitmapOf(bytes: Uint8Array): Bitmap {
  const bitmap = Bitmap.from(bytes);
  if (bitmap === null) throw new VaultError('damaged', 'the list of deleted documents does not parse');
  return bitmap;
}
