import { VaultError } from '../error.ts';
import type { Database, Query } from '../file/database.ts';
import type { CollectionEntry } from '../format/head.ts';
import { MultisetHash } from '../format/multiset.ts';
import type { HeadKeeper } from '../head-keeper.ts';
import { compareBytes } from '../rows/row-codec.ts';
import type { RowCodec } from '../rows/row-codec.ts';

const COLLECTION = '~search/places';
const NO_BYTES: Uint8Array = new Uint8Array(0);
const VERIFY_BATCH = 256;
/** Places cost a verification this much less than rows. */
const WORTH = 0.25;

/** Which document a reference is, by keyed hash; counted in the head like a collection. */
export class PlaceMap {
  readonly #head: HeadKeeper;
  readonly #codec: RowCodec;
  readonly #insert: Query;
  readonly #delete: Query<[document: number]>;
  readonly #scan: Query<[place: Uint8Array, document: number]>;
  /** A verification's way through: it has seen the places up to `last`. */
  #verified: { readonly sum: MultisetHash; last: Uint8Array } | null = null;

  constructor(database: Database, head: HeadKeeper, codec: RowCodec) {
    this.#head = head;
    this.#codec = codec;
    this.#insert = database.query('INSERT INTO search_place (place, document) VALUES (?, ?)');
    this.#delete = database.query('DELETE FROM search_place WHERE place = ? RETURNING document', ['integer']);
    this.#scan = database.query('SELECT place, document FROM search_place WHERE place > ? ORDER BY place LIMIT ?', [
      'blob',
      'integer',
    ]);
  }

  /** For a reference that has no document. */
  set(reference: string, document: number): void {
    const entry = this.#head.register(COLLECTION, 'search');
    const place = this.#codec.place(entry.id, reference);
    const element = this.#element(entry, place, document);
    this.#insert.run(place, document);
    this.#head.add(entry, element);
    if (this.#isBehind(place)) this.#verified?.sum.add(element);
  }

  /** Removes a reference; null: it had no document. */
  take(reference: string): number | null {
    const entry = this.#head.find(COLLECTION, 'search');
    if (entry === null) return null;
    const place = this.#codec.place(entry.id, reference);
    const row = this.#delete.get(place);
    if (row === null) return null;
    const element = this.#element(entry, place, row[0]);
    this.#head.remove(entry, element);
    if (this.#isBehind(place)) this.#verified?.sum.remove(element);
    return row[0];
  }

  /** See `SearchIndex.verification`. */
  *verification(): Generator<number, undefined> {
    const verified = { last: NO_BYTES, sum: new MultisetHash() };
    this.#verified = verified;
    try {
      for (;;) {
        const rows = this.#scan.all(verified.last, VERIFY_BATCH);
        const entry = this.#head.find(COLLECTION, 'search');
        for (const [place, document] of rows) {
          if (entry !== null) verified.sum.add(this.#element(entry, place, document));
          verified.last = place;
        }
        if (rows.length === VERIFY_BATCH) {
          yield VERIFY_BATCH * WORTH;
          continue;
        }
        if (verified.sum.equals(entry?.hash ?? new MultisetHash())) return;
        throw new VaultError('tampered', 'the search index was changed');
      }
    } finally {
      this.#verified = null;
    }
  }

  #isBehind(place: Uint8Array): boolean {
    return this.#verified !== null && compareBytes(place, this.#verified.last) <= 0;
  }

  #element({ id }: CollectionEntry, place: Uint8Array, document: number): Uint8Array {
    return this.#codec.element(id, place, document, NO_BYTES);
  }
}
