import type { GatewayTransport } from '@sotto/gateway-api';
import { IdentityError, normaliseName, safetyNumber } from '@sotto/identity';
import { checkCharacters, ContactDecision_State, equalBytes, MAX_GREETING_CHARACTERS, WireError } from '@sotto/wire';
import type { StoredContact } from '@sotto/wire/stored';
import type { Device } from '../account/types.ts';
import type { Chains } from '../chains/chains.ts';
import type { Core } from '../core/core.ts';
import { MessengerError } from '../error.ts';
import type { AddContactOptions } from '../messenger.ts';
import type { AccountRef } from '../refs.ts';
import type { Tx } from '../store/ledger.ts';
import { deviceRef, messageRef } from '../store/refs.ts';
import { contacts, outbounds } from '../store/tables.ts';
import { acceptIn } from './accept.ts';
import { findAccount } from './find.ts';
import type { FoundAccount } from './find.ts';
import { grant, withdrawAll } from './grants.ts';
import {
  decide,
  decisionOf,
  findContact,
  newContact,
  putContact,
  requireContact,
  stamp,
  stateOf,
  tellContact,
  viewContact,
} from './rows.ts';
import { syncContact } from './sync.ts';
import { dropRequest, sendAddresses, sendAnswer, sendRequest } from './tell.ts';
import type { Contact, SafetyNumber } from './types.ts';

/** What people do with contacts. */
export class Contacts {
  readonly #core: Core;
  readonly #chains: Chains;
  readonly #transport: GatewayTransport;

  constructor(core: Core, chains: Chains, transport: GatewayTransport) {
    this.#core = core;
    this.#chains = chains;
    this.#transport = transport;
  }

  all(): Contact[] {
    const rows = this.#core.ledger.read((read) => contacts.all(read).map((entry) => entry.row));
    return rows.map((row) => viewContact(this.#core, row)).toSorted((a, b) => a.name.localeCompare(b.name));
  }

  one(ref: AccountRef): Contact | null {
    const row = this.#core.ledger.read((read) => contacts.get(read, ref));
    return row === null ? null : viewContact(this.#core, row);
  }

  requests(): Contact[] {
    return this.all()
      .filter((contact) => contact.state === 'incoming')
      .toSorted((a, b) => a.addedAt - b.addedAt);
  }

  async add(linkOrName: string, options: AddContactOptions): Promise<Contact> {
    const greeting = checkGreeting(options.greeting ?? '');
    const nickname = options.nickname === undefined ? null : checkNickname(options.nickname);
    const found = await findAccount(this.#core, this.#transport, linkOrName, this.#core.background.until(options));
    if (equalBytes(found.account, this.#core.self.account)) {
      throw new MessengerError('wrong_state', 'this is the own account');
    }
    return this.#core.ledger.commit((tx) => {
      const row = this.#learn(tx, found);
      if (nickname !== null) decisionOf(row).nickname = nickname;
      this.#ask(tx, row, greeting);
      return viewContact(this.#core, row);
    });
  }

  /** The contact's row with what was found about it; a new one has no state yet. */
  #learn(tx: Tx, found: FoundAccount): StoredContact {
    const row = findContact(tx.write, found.account) ?? newContact(found.account, this.#core.clock.now());
    const statements = found.view.statements.map((statement) => statement.bytes);
    if (!this.#chains.absorb(tx, row, statements)) {
      throw new MessengerError('untrusted', 'the gateway shows a chain that contradicts the one known');
    }
    row.chainCheckedAt = BigInt(this.#core.clock.now());
    row.gateway = found.gateway;
    if (found.accountName !== null) row.accountName = found.accountName;
    return row;
  }

  #ask(tx: Tx, row: StoredContact, greeting: string): void {
    const isNew = decisionOf(row).state === ContactDecision_State.UNSPECIFIED;
    const state = isNew ? null : stateOf(row);
    if (state === 'blocked') throw new MessengerError('wrong_state', 'the contact is blocked');
    if (state === 'incoming') {
      acceptIn({ tx, core: this.#core, chains: this.#chains }, row);
      return;
    }
    // A request that nobody took in time is no longer on its way.
    const pending =
      state === 'requested' && row.request.length > 0 && outbounds.get(tx.write, messageRef(row.request)) !== null;
    if (state !== 'accepted' && !pending) {
      decide(row, ContactDecision_State.REQUESTED, this.#core.clock.now());
      row.declinedHere = false;
      grant(tx, this.#core, row);
      sendRequest(tx, this.#core, row, greeting);
    }
    this.#keep(tx, row);
  }

  accept(ref: AccountRef): Contact {
    return this.#change(ref, (tx, row) => {
      if (stateOf(row) !== 'incoming') throw new MessengerError('wrong_state', 'there is no request to accept');
      acceptIn({ tx, core: this.#core, chains: this.#chains }, row);
    });
  }

  decline(ref: AccountRef): Contact {
    return this.#change(ref, (tx, row) => {
      if (stateOf(row) !== 'incoming') throw new MessengerError('wrong_state', 'there is no request to decline');
      decide(row, ContactDecision_State.DECLINED, this.#core.clock.now());
      row.declinedHere = true;
      sendAnswer(tx, this.#core, row, false);
      this.#keep(tx, row);
    });
  }

  setNickname(ref: AccountRef, nickname: string | null): Contact {
    const checked = nickname === null ? '' : checkNickname(nickname);
    return this.#change(ref, (tx, row) => {
      const decision = decisionOf(row);
      decision.nickname = checked;
      stamp(decision, this.#core.clock.now());
      this.#keep(tx, row);
    });
  }

  block(ref: AccountRef): Contact {
    return this.#change(ref, (tx, row) => {
      const decision = decisionOf(row);
      if (decision.state === ContactDecision_State.BLOCKED) return;
      row.stateBeforeBlock = decision.state;
      decide(row, ContactDecision_State.BLOCKED, this.#core.clock.now());
      dropRequest(tx, row);
      withdrawAll(tx, this.#core, row);
      this.#keep(tx, row);
    });
  }

  unblock(ref: AccountRef): Contact {
    return this.#change(ref, (tx, row) => {
      if (stateOf(row) !== 'blocked') throw new MessengerError('wrong_state', 'the contact is not blocked');
      const accepted = row.stateBeforeBlock === ContactDecision_State.ACCEPTED;
      // Whatever was pending when it was blocked is over.
      const state = accepted ? ContactDecision_State.ACCEPTED : ContactDecision_State.DECLINED;
      decide(row, state, this.#core.clock.now());
      row.declinedHere = false;
      if (accepted && grant(tx, this.#core, row)) sendAddresses(tx, this.#core, row);
      this.#keep(tx, row);
    });
  }

  verify(ref: AccountRef, verified: boolean): Contact {
    return this.#change(ref, (tx, row) => {
      const decision = decisionOf(row);
      if (verified && row.headHash.length === 0) {
        throw new MessengerError('wrong_state', 'the contact is not known well enough yet');
      }
      if (verified) row.forkedAt = 0n;
      decision.verifiedHead = verified ? row.headHash : new Uint8Array(0);
      stamp(decision, this.#core.clock.now());
      this.#keep(tx, row);
    });
  }

  safetyNumber(ref: AccountRef): SafetyNumber {
    const row = this.#core.ledger.read((read) => requireContact(read, ref));
    const view = this.#chains.view(row);
    if (view === null) throw new MessengerError('not_found', "the contact's chain is not known yet");
    const { text, code, expected } = safetyNumber(this.#core.provider, this.#core.own.view, view);
    return { digits: text, qr: code, expected };
  }

  devices(ref: AccountRef): Device[] {
    const row = this.#core.ledger.read((read) => requireContact(read, ref));
    const view = this.#chains.view(row);
    return [...(view?.devices.values() ?? [])].map(({ certificate, state }) => ({
      device: deviceRef(certificate.device),
      name: certificate.name,
      state: state.kind,
      addedAt: certificate.createdAt,
      self: false,
    }));
  }

  #change(ref: AccountRef, change: (tx: Tx, row: StoredContact) => void): Contact {
    return this.#core.ledger.commit((tx) => {
      const row = requireContact(tx.write, ref);
      change(tx, row);
      return viewContact(this.#core, row);
    });
  }

  #keep(tx: Tx, row: StoredContact): void {
    putContact(tx, this.#core, row);
    tellContact(tx, this.#core, row);
    syncContact(tx, this.#core, this.#chains, row);
  }
}

function checkNickname(nickname: string): string {
  try {
    return normaliseName(nickname);
  } catch (cause) {
    if (!(cause instanceof IdentityError)) throw cause;
    throw new MessengerError('invalid_argument', cause.message, { cause });
  }
}

function checkGreeting(greeting: string): string {
  try {
    checkCharacters(greeting, MAX_GREETING_CHARACTERS);
    return greeting;
  } catch (cause) {
    if (!(cause instanceof WireError)) throw cause;
    throw new MessengerError('invalid_argument', `the greeting: ${cause.message}`, { cause });
  }
}
