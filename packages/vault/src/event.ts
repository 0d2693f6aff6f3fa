import { VaultError } from './error.ts';
import { OWN_PREFIX } from './rows/limits.ts';
import type { Rows } from './rows/rows.ts';
import type { SearchIndex } from './search/search-index.ts';
import type { Collection, Placing, Range, Row, VaultReader, VaultWriter } from './vault.ts';

/** What `Vault.read` hands out. */
export class ViewReader implements VaultReader {
  readonly #rows: Rows;
  readonly #check: () => void;

  constructor(rows: Rows, check: () => void) {
    this.#rows = rows;
    this.#check = check;
  }

  get(collection: Collection, key: string): Uint8Array | null {
    this.#check();
    return this.#rows.get(publicOnly(collection), key);
  }

  find(collection: Collection, lookup: string, value: string): Row[] {
    this.#check();
    return this.#rows.find(publicOnly(collection), lookup, value);
  }

  list(collection: Collection, range: Range): Row[] {
    this.#check();
    return this.#rows.list(publicOnly(collection), range);
  }

  all(collection: Collection): Row[] {
    this.#check();
    return this.#rows.all(publicOnly(collection));
  }

  count(collection: Collection, partition?: string): number {
    this.#check();
    return this.#rows.count(publicOnly(collection), partition);
  }
}

/** What `Vault.transaction` hands out, for as long as the event runs. */
export class EventWriter implements VaultWriter {
  readonly #rows: Rows;
  readonly #search: SearchIndex;
  #ended = false;
  #failure: { readonly cause: unknown } | null = null;

  constructor(rows: Rows, search: SearchIndex) {
    this.#rows = rows;
    this.#search = search;
  }

  end(): void {
    this.#ended = true;
  }

  /** A step that failed may have done half its work: the event fails with it, also if the caller caught the error. */
  requireSound(): void {
    if (this.#failure !== null) throw this.#failure.cause;
  }

  get(collection: Collection, key: string): Uint8Array | null {
    return this.#step(() => this.#rows.get(publicOnly(collection), key));
  }

  find(collection: Collection, lookup: string, value: string): Row[] {
    return this.#step(() => this.#rows.find(publicOnly(collection), lookup, value));
  }

  list(collection: Collection, range: Range): Row[] {
    return this.#step(() => this.#rows.list(publicOnly(collection), range));
  }

  all(collection: Collection): Row[] {
    return this.#step(() => this.#rows.all(publicOnly(collection)));
  }

  count(collection: Collection, partition?: string): number {
    return this.#step(() => this.#rows.count(publicOnly(collection), partition));
  }

  put(collection: Collection, key: string, value: Uint8Array, placing?: Placing): void {
    this.#step(() => this.#rows.put(publicOnly(collection), key, value, placing));
  }

  delete(collection: Collection, key: string): void {
    this.#step(() => this.#rows.delete(publicOnly(collection), key));
  }

  index(reference: string, text: string, scope?: string): void {
    this.#step(() => this.#search.index(reference, text, scope));
  }

  unindex(reference: string): void {
    this.#step(() => this.#search.unindex(reference));
  }

  #step<T>(run: () => T): T {
    if (this.#ended) throw new VaultError('misuse', 'a writer outlived its event');
    try {
      return run();
    } catch (cause) {
      this.#failure ??= { cause };
      throw cause;
    }
  }
}

function publicOnly(collection: Collection): Collection {
  if (collection.name.startsWith(OWN_PREFIX)) throw new VaultError('misuse', 'this name is for the vault itself');
  return collection;
}
