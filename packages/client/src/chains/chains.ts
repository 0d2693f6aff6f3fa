import { activeDevices, stateAt } from '@sotto/identity';
import type { AccountView } from '@sotto/identity';
import { equalBytes, idHex, statementHash } from '@sotto/wire';
import type { ChainHead, DeviceId } from '@sotto/wire';
import type { StoredContact } from '@sotto/wire/stored';
import { viewContact } from '../contacts/rows.ts';
import type { IdentityChange } from '../contacts/types.ts';
import type { Core } from '../core/core.ts';
import type { AccountRef, DeviceRef } from '../refs.ts';
import type { Tx } from '../store/ledger.ts';
import { accountRef, deviceRef } from '../store/refs.ts';
import { judgeChain, judgeMore } from './judge.ts';

/** Contacts' chains as stored, each replayed once while it does not change. */
export class Chains {
  readonly #core: Core;
  readonly #views = new Map<AccountRef, AccountView>();

  constructor(core: Core) {
    this.#core = core;
  }

  /** Null: no chain is known yet. */
  view(row: StoredContact): AccountView | null {
    if (row.chain.length === 0) return null;
    const ref = accountRef(row.account);
    const cached = this.#views.get(ref);
    if (cached !== undefined && equalBytes(cached.head.hash, row.headHash)) return cached;
    const view = judgeChain(this.#core.provider, row.chain);
    this.#views.set(ref, view);
    return view;
  }

  activeDevices(row: StoredContact): DeviceRef[] | null {
    const view = this.view(row);
    return view === null ? null : activeDevices(view).map((entry) => deviceRef(entry.certificate.device));
  }

  /**
   * Takes statements of a contact into its row, which the caller stores, and raises the alarm for what changed. False:
   * they contradict what is known; that stands, and the alarm is raised. Throws `untrusted` for what is no chain at all.
   */
  absorb(tx: Tx, row: StoredContact, statements: readonly Uint8Array[]): boolean {
    const known = this.view(row);
    if (known === null) {
      const view = judgeChain(this.#core.provider, statements);
      if (!equalBytes(view.account, row.account)) return false;
      this.#keep(tx, row, view);
      return true;
    }
    const judged = judgeMore(this.#core.provider, known, statements);
    if (judged.kind === 'conflict') {
      this.noteFork(tx, row, 'conflicting-chain');
      return false;
    }
    if (judged.kind === 'same') return true;
    this.#keep(tx, row, judged.view);
    for (const change of changesBetween(known, judged.view)) this.#alarm(tx, row, change);
    return true;
  }

  /**
   * A device of a contact named the head of its chain. `fetch`: it is further than what is known; the row remembers it,
   * and the caller stores it. `forked`: it is none of what is known.
   */
  noteHead(row: StoredContact, head: Pick<ChainHead, 'sequence' | 'hash'>): 'known' | 'fetch' | 'forked' {
    const where = whereIs(this.view(row), head);
    if (where !== 'ahead') return where;
    if (BigInt(head.sequence) > row.chainWanted) {
      row.chainWanted = BigInt(head.sequence);
      row.chainWantedHash = head.hash;
    }
    return 'fetch';
  }

  /** Whether what was fetched is another chain than the one that was named; then the alarm is raised. */
  compareWanted(tx: Tx, row: StoredContact): void {
    if (row.chainWantedHash.length === 0) return;
    const wanted = { sequence: Number(row.chainWanted), hash: statementHash(row.chainWantedHash) };
    if (whereIs(this.view(row), wanted) === 'forked') this.noteFork(tx, row, 'forked-chain');
  }

  /** Two different chains of one account were seen. Told once, until the people have compared. */
  noteFork(tx: Tx, row: StoredContact, kind: 'forked-chain' | 'conflicting-chain'): void {
    if (row.forkedAt > 0n) return;
    row.forkedAt = BigInt(this.#core.clock.now());
    this.#alarm(tx, row, { kind });
  }

  #keep(tx: Tx, row: StoredContact, view: AccountView): void {
    row.chain = view.statements.map((statement) => statement.bytes);
    row.headHash = view.head.hash;
    row.chainCheckedAt = BigInt(this.#core.clock.now());
    const ref = accountRef(row.account);
    tx.after(() => this.#views.set(ref, view));
    tx.ring('account', ref);
  }

  #alarm(tx: Tx, row: StoredContact, change: IdentityChange): void {
    tx.emit({ type: 'identity-changed', contact: viewContact(this.#core, row), change });
  }
}

function changesBetween(before: AccountView, after: AccountView): IdentityChange[] {
  const changes: IdentityChange[] = [];
  for (const [key, { certificate, state }] of after.devices) {
    const device = deviceRef(certificate.device);
    const known = before.devices.get(key);
    if (known === undefined) changes.push({ kind: 'device-added', device, name: certificate.name });
    if (state.kind === 'revoked' && known?.state.kind !== 'revoked') {
      changes.push({ kind: 'device-revoked', device, name: certificate.name });
    }
  }
  return changes;
}

/** Of two concurrent statements whoever names the one that lost has not heard of the other: no fork. */
export function whereIs(
  view: AccountView | null,
  head: Pick<ChainHead, 'sequence' | 'hash'>,
): 'known' | 'ahead' | 'forked' {
  if (view === null) return 'ahead';
  const { kind } = stateAt(view, head);
  return kind === 'fork' ? 'forked' : kind === 'void' ? 'known' : kind;
}

/** Whether a device may speak for its account, by the chain as known. */
export function standing(view: AccountView, device: DeviceId): 'active' | 'revoked' | 'unknown' {
  const entry = view.devices.get(idHex(device));
  if (entry === undefined) return 'unknown';
  return entry.state.kind === 'active' ? 'active' : 'revoked';
}
