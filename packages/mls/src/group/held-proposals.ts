import type { PrivateKey } from '@sotto/crypto';
import { hex } from '../bytes.ts';
import type { SuiteCrypto } from '../suite.ts';
import type { Records } from './records.ts';
import { encodeProposal, readProposalRecord } from './state-records.ts';
import type { KeptProposal } from './state-records.ts';

/** Own proposals that stand only once they are received back, by digest of their message. */
export class HeldProposals {
  readonly #crypto: SuiteCrypto;
  readonly #records: Records;
  readonly #loaded = new Map<string, KeptProposal>();
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

  add(digest: Uint8Array, kept: KeptProposal): void {
    const name = hex(digest);
    this.#loaded.set(name, kept);
    this.#digests = [...this.#digests, name];
    this.#records.mark(nameOf(name), () => encodeProposal(kept));
  }

  /** Gives one away; null when there is none. */
  take(digest: Uint8Array): KeptProposal | null {
    const name = hex(digest);
    if (!this.#digests.includes(name)) return null;
    const kept =
      this.#loaded.get(name) ?? this.#records.get(nameOf(name), (reader) => readProposalRecord(this.#crypto, reader));
    this.#loaded.delete(name);
    this.#digests = this.#digests.filter((other) => other !== name);
    this.#records.delete(nameOf(name));
    return kept;
  }

  /** Forgets all; wipes the keys of own updates but those `inUse`. */
  clear(inUse: ReadonlySet<PrivateKey>): void {
    for (const digest of this.#digests) this.#records.delete(nameOf(digest));
    for (const { ownUpdate } of this.#loaded.values()) {
      if (ownUpdate !== null && !inUse.has(ownUpdate.leafKey)) ownUpdate.leafKey[Symbol.dispose]();
    }
    this.#digests = [];
    this.#loaded.clear();
  }
}

function nameOf(digest: string): string {
  return `held/${digest}`;
}
