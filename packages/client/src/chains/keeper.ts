import { GatewayApiError } from '@sotto/gateway-api';
import type { GatewayTransport } from '@sotto/gateway-api';
import { accountId } from '@sotto/wire';
import type { AccountId } from '@sotto/wire';
import type { StoredContact } from '@sotto/wire/stored';
import { findContact, putContact, stateOf } from '../contacts/rows.ts';
import { Chore } from '../core/chore.ts';
import type { Core } from '../core/core.ts';
import { MessengerError } from '../error.ts';
import { tellForked } from '../inbox/sender.ts';
import type { AccountRef } from '../refs.ts';
import { accountOf, accountRef } from '../store/refs.ts';
import { contacts } from '../store/tables.ts';
import { standing } from './chains.ts';
import type { Chains } from './chains.ts';

/** Chains of accepted contacts are compared with their gateway's at least this often, while this device is online. */
const STALE_MS = 24 * 3_600_000;

/** Questions about one contact's chain in this time: whoever names heads that are nowhere to be had causes no more. */
const PATIENCE_MS = 600_000;
const MOST_QUESTIONS = 8;

/** Fetches chains that have moved on: those somebody named a newer head of, and those one has reason to doubt. */
export class ChainKeeper {
  readonly chore: Chore;
  readonly #core: Core;
  readonly #chains: Chains;
  readonly #transport: GatewayTransport;
  readonly #doubted = new Set<AccountRef>();
  readonly #asked = new Map<AccountRef, { count: number; since: number }>();

  constructor(core: Core, chains: Chains, transport: GatewayTransport) {
    this.#core = core;
    this.#chains = chains;
    this.#transport = transport;
    this.chore = new Chore(core, (signal) => this.#refresh(signal));
    core.bells.on('chain', (account) => {
      this.#doubted.add(account);
      this.chore.kick();
    });
  }

  async #refresh(signal: AbortSignal): Promise<void> {
    const behind = this.#core.ledger
      .read((read) => contacts.all(read).map((entry) => entry.row))
      .filter((row) => this.#isBehind(row) || this.#isStale(row));
    const wanted = new Set([...this.#doubted, ...behind.map((row) => accountRef(row.account))]);
    let failure: unknown = null;
    for (const account of wanted) {
      try {
        if (account === this.#core.self.accountRef) await this.#refreshOwn(signal);
        else if (this.#isImpatient(account)) continue;
        else await this.#refreshContact(account, signal);
        this.#doubted.delete(account);
      } catch (cause) {
        const isContradicted = cause instanceof MessengerError && cause.code === 'untrusted';
        if (isContradicted) this.#tellContradicted(account);
        // One account's gateway may be away while others answer.
        if (cause instanceof MessengerError || (cause instanceof GatewayApiError && cause.code === 'not-found')) {
          this.#doubted.delete(account);
        }
        failure ??= cause;
      }
    }
    if (failure !== null) throw failure;
  }

  /** Asked often enough for now; it stays to be asked later. */
  #isImpatient(account: AccountRef): boolean {
    const now = this.#core.clock.now();
    const known = this.#asked.get(account);
    const isNew = known === undefined || now - known.since >= PATIENCE_MS || now < known.since;
    const asked = isNew ? { count: 0, since: now } : known;
    this.#asked.set(account, asked);
    if (asked.count >= MOST_QUESTIONS) {
      this.chore.kickAt(asked.since + PATIENCE_MS);
      return true;
    }
    asked.count++;
    return false;
  }

  /** What was shown does not even belong to a chain of the account, or says that the own one is another. */
  #tellContradicted(ref: AccountRef): void {
    this.#core.ledger.commit((tx) => {
      if (ref === this.#core.self.accountRef) {
        tellForked(tx, this.#core);
        return;
      }
      const row = findContact(tx.write, accountOf(ref));
      if (row === null) return;
      this.#chains.noteFork(tx, row, 'conflicting-chain');
      putContact(tx, this.#core, row);
    });
  }

  #isBehind(row: StoredContact): boolean {
    const view = this.#chains.view(row);
    return view === null || BigInt(view.head.sequence) < row.chainWanted;
  }

  /** A gateway that hides a revocation can do so for a day, if no device of the contact tells of it. */
  #isStale(row: StoredContact): boolean {
    return stateOf(row) === 'accepted' && Number(row.chainCheckedAt) + STALE_MS < this.#core.clock.now();
  }

  async #refreshContact(ref: AccountRef, signal: AbortSignal): Promise<void> {
    const account = accountOf(ref);
    const row = this.#core.ledger.read((read) => findContact(read, account));
    if (row === null || row.gateway === '') return;
    // From the last one known on: another one in its place shows.
    const from = Math.max(0, (this.#chains.view(row)?.statements.length ?? 0) - 1);
    const statements = await this.#transport.directory(row.gateway).chain(account, from, { signal });
    this.#core.ledger.commit((tx) => {
      const now = findContact(tx.write, account);
      if (now === null) return;
      this.#chains.absorb(tx, now, statements);
      this.#chains.compareWanted(tx, now);
      now.chainCheckedAt = BigInt(this.#core.clock.now());
      // What was named and is nowhere to be had is not asked for again until it is named again.
      now.chainWanted = 0n;
      now.chainWantedHash = new Uint8Array(0);
      putContact(tx, this.#core, now);
      tx.ring('account', ref);
      tx.ring('parked', null);
    });
  }

  /** Statements from a sequence on; none if the gateway has not even heard of the account. */
  async #chainAt(gateway: string, account: AccountId, from: number, signal: AbortSignal): Promise<Uint8Array[]> {
    try {
      return await this.#transport.directory(gateway).chain(account, from, { signal });
    } catch (cause) {
      if (cause instanceof GatewayApiError && cause.code === 'not-found') return [];
      throw cause;
    }
  }

  async #refreshOwn(signal: AbortSignal): Promise<void> {
    const { gateway, unpublished } = this.#core.own.row();
    // From the last statement on that should be there: if it is not, the gateway was set back.
    const known = this.#core.own.view.statements;
    const last = known.length - 1 - Math.min(unpublished, known.length - 1);
    const account = accountId(this.#core.self.account);
    const statements = await this.#chainAt(gateway, account, last, signal);
    if (statements.length === 0) {
      await this.#transport.device.publish(
        known.slice(0, last + 1).map(({ bytes }) => bytes),
        { signal },
      );
    }
    this.#core.ledger.commit((tx) => {
      const extended = this.#core.own.extendChain(tx, statements);
      this.#core.own.update(tx, (row) => {
        row.chainCheckedAt = BigInt(this.#core.clock.now());
      });
      if (extended === null) return;
      if (standing(extended, this.#core.self.device) !== 'active') tx.ring('revoked', null);
      tx.ring('devices', null);
      tx.ring('account', this.#core.self.accountRef);
      tx.ring('parked', null);
    });
  }
}
