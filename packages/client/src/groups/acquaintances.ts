import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { activeDevice, activeDevices } from '@sotto/identity';
import type { AccountView } from '@sotto/identity';
import type { VaultReader } from '@sotto/vault';
import { AccountBookSchema, accountId, equalBytes } from '@sotto/wire';
import type { AccountBook, AccountId, Profile } from '@sotto/wire';
import { StoredAcquaintanceSchema } from '@sotto/wire/stored';
import type { StoredAcquaintance } from '@sotto/wire/stored';
import type { Chains } from '../chains/chains.ts';
import { judgeChain, judgeMore } from '../chains/judge.ts';
import { findContact, putContact, viewContact } from '../contacts/rows.ts';
import type { Core } from '../core/core.ts';
import { MessengerError } from '../error.ts';
import type { Tx } from '../store/ledger.ts';
import { accountRef } from '../store/refs.ts';
import { accounts, acquaintances, SELF } from '../store/tables.ts';

/** Characters of a name that an account gives itself. */
const MOST_NAME = 64;

/**
 * Accounts as groups need them, whether they are contacts or not: their chains and what they are called. Chains only
 * ever grow; one that contradicts what is known changes nothing.
 */
export class Acquaintances {
  readonly #core: Core;
  readonly #chains: Chains;

  constructor(core: Core, chains: Chains) {
    this.#core = core;
    this.#chains = chains;
  }

  /** Null: no chain of it is known. */
  view(read: VaultReader, account: AccountId): AccountView | null {
    if (equalBytes(account, this.#core.self.account)) return this.#core.own.view;
    const contact = findContact(read, account);
    const byContact = contact === null ? null : this.#chains.view(contact);
    const row = acquaintances.get(read, accountRef(account));
    const here = row === null || row.chain.length === 0 ? null : row;
    if (byContact !== null && byContact.statements.length >= (here?.chain.length ?? 0)) return byContact;
    return here === null ? null : judgeChain(this.#core.provider, here.chain);
  }

  /** Serialised statements; null: not known. */
  chain(read: VaultReader, account: AccountId): readonly Uint8Array[] | null {
    if (equalBytes(account, this.#core.self.account)) return this.#core.own.identity().chain;
    const contact = findContact(read, account)?.chain ?? [];
    const here = acquaintances.get(read, accountRef(account))?.chain ?? [];
    const longer = contact.length >= here.length ? contact : here;
    return longer.length === 0 ? null : longer;
  }

  /** Takes statements of an account in, as far as they extend what is known. True: the account's chain is one. */
  learn(tx: Tx, account: AccountId, statements: readonly Uint8Array[], gateway = ''): boolean {
    if (statements.length === 0) return false;
    if (equalBytes(account, this.#core.self.account)) {
      if (statements.length > this.#core.own.view.statements.length) tx.ring('chain', this.#core.self.accountRef);
      return true;
    }
    const contact = findContact(tx.write, account);
    if (contact !== null) {
      if (statements.length <= contact.chain.length) return true;
      const taken = trusting(() => this.#chains.absorb(tx, contact, statements));
      if (taken === true) putContact(tx, this.#core, contact);
      return taken === true;
    }
    const row = this.row(tx.write, account);
    if (gateway !== '') row.gateway = gateway;
    const known = row.chain.length === 0 ? null : judgeChain(this.#core.provider, row.chain);
    const view = trusting(() => {
      if (known === null) return judgeChain(this.#core.provider, statements);
      const judged = judgeMore(this.#core.provider, known, statements);
      return judged.kind === 'conflict' ? null : judged.view;
    });
    if (view === null || !equalBytes(view.account, account)) return false;
    const grown = view.statements.length > row.chain.length;
    row.chain = view.statements.map((statement) => statement.bytes);
    row.headHash = view.head.hash;
    row.checkedAt = BigInt(this.#core.clock.now());
    acquaintances.put(tx.write, accountRef(account), row);
    if (grown) tx.ring('account', accountRef(account));
    return true;
  }

  row(read: VaultReader, account: AccountId): StoredAcquaintance {
    return acquaintances.get(read, accountRef(account)) ?? create(StoredAcquaintanceSchema, { account });
  }

  /** Where an account's chain is to be had; empty: not known. */
  gateway(read: VaultReader, account: AccountId): string {
    if (equalBytes(account, this.#core.self.account)) return this.#core.own.gateway;
    return findContact(read, account)?.gateway || (acquaintances.get(read, accountRef(account))?.gateway ?? '');
  }

  /** What an account calls itself in a group. */
  named(tx: Tx, account: AccountId, profile: Pick<Profile, 'name' | 'revision'>): void {
    if (profile.name.length === 0 || profile.name.length > MOST_NAME || findContact(tx.write, account) !== null) return;
    const row = this.row(tx.write, account);
    if (row.name !== '' && profile.revision <= row.profileRevision) return;
    row.name = profile.name;
    row.profileRevision = profile.revision;
    acquaintances.put(tx.write, accountRef(account), row);
  }

  nameOf(read: VaultReader, account: AccountId): string {
    const ref = accountRef(account);
    if (ref === this.#core.self.accountRef) return accounts.need(read, SELF).profile?.name ?? '';
    const contact = findContact(read, account);
    if (contact !== null) return viewContact(this.#core, contact).name;
    const row = acquaintances.get(read, ref);
    return row === null || row.name === '' ? ref.slice(0, 8) : row.name;
  }

  isActive(read: VaultReader, account: AccountId, device: Parameters<typeof activeDevice>[1]): boolean | null {
    const view = this.view(read, account);
    return view === null ? null : activeDevice(view, device) !== null;
  }

  activeDevices(read: VaultReader, account: AccountId): Parameters<typeof activeDevice>[1][] | null {
    const view = this.view(read, account);
    return view === null ? null : activeDevices(view).map((entry) => entry.certificate.device);
  }

  /** What a newcomer needs to know of accounts. */
  book(read: VaultReader, members: Iterable<AccountId>): Uint8Array {
    const book = create(AccountBookSchema);
    for (const account of members) {
      const own = equalBytes(account, this.#core.self.account);
      const contact = own ? null : findContact(read, account);
      const here = acquaintances.get(read, accountRef(account));
      const profile = own ? accounts.need(read, SELF).profile : contact?.profile;
      book.accounts.push({
        $typeName: 'sotto.wire.v1.AccountFacts',
        account,
        chain: [...(this.chain(read, account) ?? [])],
        name: profile?.name ?? here?.name ?? '',
        profileRevision: profile?.revision ?? here?.profileRevision ?? 0n,
      });
    }
    return toBinary(AccountBookSchema, book);
  }

  /** Takes a book in. What in it does not hold is passed over. */
  read(tx: Tx, bytes: Uint8Array): void {
    let book: AccountBook;
    try {
      book = fromBinary(AccountBookSchema, bytes);
    } catch {
      return;
    }
    for (const facts of book.accounts) {
      if (facts.account.length !== this.#core.self.account.length) continue;
      const account = accountId(facts.account);
      if (equalBytes(account, this.#core.self.account) || !this.learn(tx, account, facts.chain)) continue;
      this.named(tx, account, { name: facts.name, revision: facts.profileRevision });
    }
  }
}

function trusting<T>(judge: () => T): T | null {
  try {
    return judge();
  } catch (cause) {
    if (cause instanceof MessengerError && cause.code === 'untrusted') return null;
    throw cause;
  }
}
