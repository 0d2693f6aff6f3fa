import type { Admission, DeviceRef } from './types.ts';

/** Key packages of devices, opaque. What a promise of this port says is on disk when it resolves. */
export interface KeyPackages {
  /** Throws `Refused` `TOO_LARGE` when there are more than are kept. */
  upload(device: DeviceRef, upload: KeyPackageUpload): Promise<KeyPackageStock>;
  stock(device: DeviceRef): Promise<KeyPackageStock>;
  /**
   * A one-time key package, removed for good, or the last-resort one when there is none left or the admission has had
   * enough of them. Throws `Refused`.
   */
  take(account: Uint8Array, device: Uint8Array, admission: Admission): Promise<TakenKeyPackage>;
}

export interface KeyPackageRecord {
  /** From 1 on. */
  readonly id: number;
  /** Unix seconds. */
  readonly expiresAt: number;
  readonly bytes: Uint8Array;
}

export interface KeyPackageUpload {
  readonly oneTime: readonly KeyPackageRecord[];
  /** Null: the one of before stays. */
  readonly lastResort: KeyPackageRecord | null;
  /** Those of before go first. */
  readonly replace: boolean;
}

export interface KeyPackageStock {
  readonly oneTime: number;
  readonly lastResort: boolean;
  /** Highest id of a one-time key package seen so far; 0: none. */
  readonly highest: number;
}

export interface TakenKeyPackage {
  readonly keyPackage: Uint8Array;
  readonly lastResort: boolean;
}
