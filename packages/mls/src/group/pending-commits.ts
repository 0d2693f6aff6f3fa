import type { PrivateKey } from '@sotto/crypto';
import { hex } from '../bytes.ts';
import type { SuiteCrypto } from '../suite.ts';
import type { RatchetTree } from '../tree/ratchet-tree.ts';
import type { Records } from './records.ts';
import { wipeStaged } from './stage.ts';
import type { HeldEpoch } from './snapshots.ts';
import { encodePending, readPending } from './state-records.ts';
import type { PendingEpoch } from './state-records.ts';

/** Own commits on the current epoch that are not yet accepted, by digest. */
export class PendingCommits {
  readonly #crypto: SuiteCrypto;
  readonly #records: Records;
  readonly #loaded = new Map<string, PendingEpoch>();
  #digests: readonly string[];

  constructor(crypto: SuiteCrypto, records: Records, digests: readonly string[]) {
    this.#crypto = crypto;
    this.#records = records;
    this.#digests = digests;
  }

  /** In hexadecimal. */
  get digests(): readonly string[] {
    return this.#digests;
  }

  has(digest: Uint8Array): boolean {
    return this.#digests.includes(hex(digest));
  }

  /** Names of what is not in memory of one. */
  names(digest: Uint8Array): string[] {
    const name = hex(digest);
    return this.#loaded.has(name) ? [] : [nameOf(name)];
  }

  /** `base` is the tree of the current epoch. */
  add(digest: Uint8Array, pending: PendingEpoch, base: RatchetTree): void {
    const name = hex(digest);
    this.#loaded.set(name, pending);
    this.#digests = [...this.#digests, name];
    this.#records.mark(nameOf(name), () => encodePending(pending, base));
  }

  /** One that is there. */
  get(digest: Uint8Array, base: RatchetTree): PendingEpoch {
    const name = hex(digest);
    let pending = this.#loaded.get(name);
    if (pending === undefined) {
      pending = this.#records.get(nameOf(name), (reader) => readPending(this.#crypto, reader, base));
      this.#loaded.set(name, pending);
    }
    return pending;
  }

  /** `held` are private keys that others hold too. */
  drop(digest: Uint8Array, held: ReadonlySet<PrivateKey>): void {
    const name = hex(digest);
    const pending = this.#loaded.get(name);
    if (pending !== undefined) wipeStaged(pending.staged, held);
    this.#loaded.delete(name);
    this.#digests = this.#digests.filter((other) => other !== name);
    this.#records.delete(nameOf(name));
  }

  /** Forgets all but what `next` takes over. */
  clear(next: HeldEpoch | null, held: ReadonlySet<PrivateKey>): void {
    for (const digest of this.#digests) this.#records.delete(nameOf(digest));
    this.#digests = [];
    this.wipe(next, held);
    this.#loaded.clear();
  }

  /** What is in memory, but for `next`. */
  wipe(next: HeldEpoch | null, held: ReadonlySet<PrivateKey>): void {
    for (const { staged } of this.#loaded.values()) if (staged !== next) wipeStaged(staged, held);
  }
}

function nameOf(digest: string): string {
  return `pending/${digest}`;
}
