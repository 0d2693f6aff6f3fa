import type { OwnIdentity } from '@sotto/engine';
import { activeDevices } from '@sotto/identity';
import type { AccountView } from '@sotto/identity';
import type { VaultReader } from '@sotto/vault';
import type { ChainHead } from '@sotto/wire';
import type { StoredAccount } from '@sotto/wire/stored';
import { judgeChain, judgeMore } from '../chains/judge.ts';
import type { Core } from '../core/core.ts';
import { MessengerError } from '../error.ts';
import type { DeviceRef } from '../refs.ts';
import type { Ledger, Tx } from '../store/ledger.ts';
import { deviceRef } from '../store/refs.ts';
import { accounts, SELF } from '../store/tables.ts';

/** The own account as stored, with its chain replayed once. */
export class OwnAccount {
  readonly #core: Pick<Core, 'provider' | 'self' | 'clock'>;
  readonly #ledger: Ledger;
  #view: AccountView;
  #gateway: string;
  #mailbox: Uint8Array;
  #unpublished: number;

  constructor(core: Pick<Core, 'provider' | 'self' | 'clock' | 'ledger'>) {
    this.#core = core;
    this.#ledger = core.ledger;
    const row = this.row();
    this.#view = judgeChain(core.provider, row.chain);
    this.#gateway = row.gateway;
    this.#mailbox = row.mailbox;
    this.#unpublished = row.unpublished;
  }

  get view(): AccountView {
    return this.#view;
  }

  /** Address of the gateway this device receives at. */
  get gateway(): string {
    return this.#gateway;
  }

  /** MailboxId; empty before the registration. */
  get mailbox(): Uint8Array {
    return this.#mailbox;
  }

  row(): StoredAccount {
    return this.#ledger.read((read) => accounts.need(read, SELF));
  }

  /** Facts that the engine binds into sessions. */
  identity(): OwnIdentity {
    const chain = this.#view.statements.map((statement) => statement.bytes);
    return { account: this.#core.self.account, device: this.#core.self.device, chain };
  }

  /** The same as others may know it: what the gateway has not confirmed may yet be signed anew in another place. */
  published(): OwnIdentity {
    const { chain, ...rest } = this.identity();
    return { ...rest, chain: chain.slice(0, chain.length - this.#unpublished) };
  }

  /** The end of the own chain as far as it is published, as contents carry it. */
  head(): ChainHead {
    const { account, statements, head } = this.#view;
    const { sequence, hash } = statements[statements.length - 1 - this.#unpublished] ?? head;
    return { account, sequence, hash, seenAt: this.#core.clock.now() };
  }

  /** Active devices besides this one. */
  otherDevices(): DeviceRef[] {
    const refs = activeDevices(this.#view).map((entry) => deviceRef(entry.certificate.device));
    return refs.filter((ref) => ref !== this.#core.self.deviceRef);
  }

  /** Changes the row; `change` gets a copy it may write to. */
  update(tx: Tx, change: (row: StoredAccount) => void): StoredAccount {
    const row = accounts.need(tx.write, SELF);
    change(row);
    accounts.put(tx.write, SELF, row);
    tx.after(() => {
      this.#gateway = row.gateway;
      this.#mailbox = row.mailbox;
      this.#unpublished = row.unpublished;
    });
    return row;
  }

  /**
   * Takes further statements in; null: nothing new. Throws `untrusted` when they do not extend what is known: the own
   * chain is never replaced.
   */
  extendChain(tx: Tx, statements: readonly Uint8Array[]): AccountView | null {
    const judged = judgeMore(this.#core.provider, this.#view, statements);
    if (judged.kind === 'conflict') {
      throw new MessengerError('untrusted', "two of the account's devices contradict each other");
    }
    if (judged.kind === 'same') return null;
    const { view } = judged;
    this.update(tx, (row) => {
      row.chain = view.statements.map((statement) => statement.bytes);
    });
    tx.after(() => {
      this.#view = view;
    });
    return view;
  }

  /** The published chain as the gateway has it, and statements signed anew on top of it, in place of those of before. */
  rebase(tx: Tx, published: AccountView, signed: readonly Uint8Array[]): AccountView {
    const chain = [...published.statements.map((statement) => statement.bytes), ...signed];
    const view = judgeChain(this.#core.provider, chain);
    this.update(tx, (row) => {
      row.chain = chain;
      row.unpublished = signed.length;
    });
    tx.after(() => {
      this.#view = view;
    });
    return view;
  }
}

/** The account's row; null: the vault holds no account. */
export function readAccount(read: VaultReader): StoredAccount | null {
  return accounts.get(read, SELF);
}
