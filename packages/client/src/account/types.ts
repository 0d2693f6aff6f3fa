import type { AccountRef, DeviceRef } from '../refs.ts';

/** How an account shows itself. Contacts get changes by message. */
export interface Profile {
  /** 1 to 64 characters. */
  readonly name: string;
  /** SHA-256 of the avatar, lower-case hexadecimal; null: none. */
  readonly avatarHash: string | null;
}

/** Who this messenger is. */
export interface Self {
  readonly account: AccountRef;
  readonly device: DeviceRef;
  readonly deviceName: string;
  /** Address of the gateway this device receives at, `sotto://host:port/pin`. */
  readonly gateway: string;
  /** Name at that gateway; null: none claimed. */
  readonly accountName: string | null;
  readonly profile: Profile;
}

/** A device as its account's sigchain certifies it. */
export interface Device {
  readonly device: DeviceRef;
  /** As its owner named it; at most 64 characters. */
  readonly name: string;
  readonly state: 'active' | 'revoked';
  /** Unix milliseconds by the signer's clock. */
  readonly addedAt: number;
  /** True for the device that is asking. */
  readonly self: boolean;
}

/** How this device stands with its gateway. */
export type ConnectionState = 'offline' | 'connecting' | 'online' | 'closed';
