import type { Clock } from '../clock.ts';
import type { CapabilityRecord, ChainChange, Directory, TakenBundle } from '../ports/directory.ts';
import type { Admission, DeviceRef, PrekeyRecord, PrekeyStock } from '../ports/types.ts';
import { CapabilityStore } from './capability-store.ts';
import { ChainStore, lengthOf } from './chain-store.ts';
import { activeDevices, findDevice } from './device-rows.ts';
import type { GroupCommit } from './group-commit.ts';
import type { Listeners } from './listeners.ts';
import type { MailboxState } from './mailbox-state.ts';
import { NameStore } from './name-store.ts';
import { PrekeyStore } from './prekey-store.ts';
import type { Sql } from './sql.ts';
import type { TokenUses } from './token-uses.ts';
import { WitnessStore } from './witness-store.ts';

export interface EmbeddedDirectoryParts {
  readonly sql: Sql;
  readonly commits: GroupCommit;
  readonly state: MailboxState;
  readonly listeners: Listeners;
  readonly tokenUses: TokenUses;
  readonly clock: Clock;
}

/** `Directory` on SQLite: each change is one operation of the group commit. */
export class EmbeddedDirectory implements Directory {
  readonly #sql: Sql;
  readonly #commits: GroupCommit;
  readonly #names: NameStore;
  readonly #chains: ChainStore;
  readonly #prekeys: PrekeyStore;
  readonly #capabilities: CapabilityStore;
  readonly #witnesses: WitnessStore;

  constructor(parts: EmbeddedDirectoryParts) {
    this.#sql = parts.sql;
    this.#commits = parts.commits;
    this.#names = new NameStore(parts.sql, parts.clock);
    this.#chains = new ChainStore(parts);
    this.#prekeys = new PrekeyStore(parts);
    this.#capabilities = new CapabilityStore(parts);
    this.#witnesses = new WitnessStore(parts.sql);
  }

  resolveName(name: string): Promise<Uint8Array | null> {
    return Promise.resolve(this.#names.resolve(name));
  }

  chain(account: Uint8Array, fromSequence: number): Promise<Uint8Array[] | null> {
    return Promise.resolve(this.#chains.read(account, fromSequence));
  }

  device(account: Uint8Array, device: Uint8Array): Promise<DeviceRef | null> {
    return Promise.resolve(findDevice(this.#sql, account, device));
  }

  devices(account: Uint8Array): Promise<DeviceRef[]> {
    return Promise.resolve(activeDevices(this.#sql, account));
  }

  writeChain(change: ChainChange): Promise<'written' | 'moved'> {
    return this.#commits.run(() => this.#chains.write(change), lengthOf(change.added));
  }

  claimName(account: Uint8Array, name: string): Promise<void> {
    return this.#commits.run(() => this.#names.claim(account, name));
  }

  uploadPrekeys(
    device: DeviceRef,
    lasting: readonly PrekeyRecord[],
    oneTime: readonly PrekeyRecord[],
    replace = false,
  ): Promise<PrekeyStock> {
    const bytes = lengthOf(lasting) + lengthOf(oneTime);
    return this.#commits.run(() => this.#prekeys.upload(device, { lasting, oneTime, replace }), bytes);
  }

  prekeyStock(device: DeviceRef): Promise<PrekeyStock> {
    return Promise.resolve(this.#prekeys.stock(device.no));
  }

  takeBundle(account: Uint8Array, device: Uint8Array, admission: Admission): Promise<TakenBundle> {
    return this.#commits.run(() => this.#prekeys.takeBundle(account, device, admission));
  }

  createCapabilities(account: Uint8Array, entries: readonly CapabilityRecord[]): Promise<void> {
    return this.#commits.run(() => this.#capabilities.open(account, entries));
  }

  revokeCapabilities(account: Uint8Array, hashes: readonly Uint8Array[]): Promise<void> {
    return this.#commits.run(() => this.#capabilities.close(account, hashes));
  }

  witness(device: DeviceRef): Promise<Uint8Array> {
    return Promise.resolve(this.#witnesses.read(device.no));
  }

  replaceWitness(device: DeviceRef, expected: Uint8Array, witness: Uint8Array): Promise<void> {
    return this.#commits.run(() => this.#witnesses.replace(device.no, expected, witness));
  }
}
