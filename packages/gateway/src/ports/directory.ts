import type { Admission, DeviceRef, PrekeyRecord, PrekeyStock } from './types.ts';

/**
 * Accounts, their chains and names, devices and prekeys. Every method that changes something resolves after the change
 * is on disk, and throws `Refused` otherwise. Signatures and chains are judged before they get here.
 */
export interface Directory {
  /** Null: unknown. */
  resolveName(name: string): Promise<Uint8Array | null>;
  /**
   * Statements from a sequence on, and those in earlier places that came after the statement before it, in the order of
   * sequence, then of arrival; null: unknown account.
   */
  chain(account: Uint8Array, fromSequence: number): Promise<Uint8Array[] | null>;
  /** Null: not registered here. */
  device(account: Uint8Array, device: Uint8Array): Promise<DeviceRef | null>;
  /** All registered devices of an account that are not revoked. */
  devices(account: Uint8Array): Promise<DeviceRef[]>;
  /**
   * Writes a chain and, if given, a device with a new mailbox, in one step. Nothing happens (`moved`) unless the chain
   * held exactly `expected` statements.
   */
  writeChain(change: ChainChange): Promise<'written' | 'moved'>;
  claimName(account: Uint8Array, name: string): Promise<void>;
  /** `replace`: one-time keys of before go first. */
  uploadPrekeys(
    device: DeviceRef,
    lasting: readonly PrekeyRecord[],
    oneTime: readonly PrekeyRecord[],
    replace?: boolean,
  ): Promise<PrekeyStock>;
  prekeyStock(device: DeviceRef): Promise<PrekeyStock>;
  /** Takes a bundle: lasting keys, and removes one of each one-time kind for good. */
  takeBundle(account: Uint8Array, device: Uint8Array, admission: Admission): Promise<TakenBundle>;
  createCapabilities(account: Uint8Array, entries: readonly CapabilityRecord[]): Promise<void>;
  /** Those of other accounts are left alone, silently: a hash one does not own is no different from an unknown one. */
  revokeCapabilities(account: Uint8Array, hashes: readonly Uint8Array[]): Promise<void>;
  /** What the device last left; empty: nothing. */
  witness(device: DeviceRef): Promise<Uint8Array>;
  /** Leaves `witness` in place of `expected`, or if it is there already. Throws `Refused` `CONFLICT`. */
  replaceWitness(device: DeviceRef, expected: Uint8Array, witness: Uint8Array): Promise<void>;
}

export interface ChainChange {
  readonly account: Uint8Array;
  /** Statements known before; 0: a new account. */
  readonly expected: number;
  /** Statements to add after them, each a serialised Signed. */
  readonly added: readonly { readonly sequence: number; readonly bytes: Uint8Array }[];
  /** Devices that are active in the resulting chain: all others lose their place here. */
  readonly active: readonly Uint8Array[];
  readonly register?: NewDevice;
}

export interface NewDevice {
  readonly device: Uint8Array;
  readonly ed25519: Uint8Array;
  /** Random, 16 bytes; used unless the device has a mailbox already. */
  readonly mailbox: Uint8Array;
}

export interface TakenBundle {
  readonly mailbox: Uint8Array;
  readonly prekeys: readonly Uint8Array[];
}

export interface CapabilityRecord {
  readonly hash: Uint8Array;
  readonly mailbox: Uint8Array;
  /** Envelopes a day. */
  readonly dailyQuota: number;
}
