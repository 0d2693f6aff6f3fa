import type { PrivateKey } from '@sotto/crypto';
import { hex, sameBytes } from '../bytes.ts';
import { MlsError } from '../error.ts';
import type { SuiteCrypto } from '../suite.ts';
import type { SentProposal } from './proposal-list.ts';
import type { Records } from './records.ts';
import type { OwnUpdate } from './stage.ts';
import { encodeProposal, readProposalRecord } from './state-records.ts';
import type { KeptProposal } from './state-records.ts';

/** The proposals of the current epoch, in the order they came. */
export class KeptProposals {
  readonly #crypto: SuiteCrypto;
  readonly #records: Records;
  readonly #loaded = new Map<string, KeptProposal>();
  #refs: readonly string[];

  constructor(crypto: SuiteCrypto, records: Records, refs: readonly string[]) {
    this.#crypto = crypto;
    this.#records = records;
    this.#refs = refs;
  }

  /** In hexadecimal. */
  get refs(): readonly string[] {
    return this.#refs;
  }

  /** Names of those that are not in memory. */
  names(): string[] {
    return this.#refs.filter((ref) => !this.#loaded.has(ref)).map(nameOf);
  }

  /** False when it is there already. */
  add(kept: KeptProposal): boolean {
    const ref = hex(kept.ref);
    if (this.#refs.includes(ref)) return false;
    this.#loaded.set(ref, kept);
    this.#refs = [...this.#refs, ref];
    this.#records.mark(nameOf(ref), () => encodeProposal(kept));
    return true;
  }

  all(): SentProposal[] {
    this.#records.prepare(this.names());
    return this.#refs.map((ref) => sentProposal(this.#load(ref)));
  }

  find(ref: Uint8Array): SentProposal | null {
    const name = hex(ref);
    return this.#refs.includes(name) ? sentProposal(this.#load(name)) : null;
  }

  /** The private key of an own update, by its public key. */
  ownUpdate(encryptionKey: Uint8Array): OwnUpdate | null {
    for (const ref of this.#refs) {
      const { ownUpdate } = this.#load(ref);
      if (ownUpdate !== null && sameBytes(ownUpdate.leafKey.publicKey, encryptionKey)) return ownUpdate;
    }
    return null;
  }

  /** Forgets all; wipes the keys of own updates but those `inUse`. */
  clear(inUse: ReadonlySet<PrivateKey>): void {
    for (const ref of this.#refs) this.#records.delete(nameOf(ref));
    for (const { ownUpdate } of this.#loaded.values()) {
      if (ownUpdate !== null && !inUse.has(ownUpdate.leafKey)) ownUpdate.leafKey[Symbol.dispose]();
    }
    this.#refs = [];
    this.#loaded.clear();
  }

  #load(ref: string): KeptProposal {
    let kept = this.#loaded.get(ref);
    if (kept === undefined) {
      kept = this.#records.get(nameOf(ref), (reader) => readProposalRecord(this.#crypto, reader));
      this.#loaded.set(ref, kept);
    }
    return kept;
  }
}

function nameOf(ref: string): string {
  return `proposal/${ref}`;
}

function sentProposal({ content, ref }: KeptProposal): SentProposal {
  const { content: inner, sender } = content.framed;
  if (inner.kind !== 'proposal') throw new MlsError('internal', 'what was kept is no proposal');
  return { proposal: inner.proposal, sender, ref };
}
