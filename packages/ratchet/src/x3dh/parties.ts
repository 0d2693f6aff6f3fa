import type { PrivateKey } from '@sotto/crypto';
import type { ChainHead, DeviceId, SuiteId } from '@sotto/wire';

/** A device as its account's sigchain certifies it at `head`. The caller has verified the chain. */
export interface RemoteDevice {
  readonly device: DeviceId;
  /** The account, and the point of its chain that both sides rely on. */
  readonly head: ChainHead;
  /** Identity keys of the device, 32 bytes each. */
  readonly ed25519: Uint8Array;
  readonly x25519: Uint8Array;
  /** The least suite the device's certificate accepts. */
  readonly minimumSuite: SuiteId;
}

/** This device. */
export interface LocalDevice extends RemoteDevice {
  /** The private half of `x25519`; stays the caller's. */
  readonly identityKey: PrivateKey<'x25519'>;
}
