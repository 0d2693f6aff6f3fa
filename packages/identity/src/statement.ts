import type { AccountId, DeviceId, StatementHash } from '@sotto/wire';
import type { DeviceCertificate } from './certificate.ts';

/** How many devices may be active. */
export interface AccountPolicy {
  readonly devices: 'multi' | 'single-active';
}

export type RevocationReason = 'removed' | 'lost' | 'compromised';

/** What a statement says, by kind. */
export type StatementBody =
  | {
      readonly kind: 'genesis';
      /** Ed25519, 32 bytes each. */
      readonly accountKey: Uint8Array;
      readonly recoveryKey: Uint8Array;
      readonly policy: AccountPolicy;
      readonly firstDevice: DeviceCertificate;
    }
  | { readonly kind: 'add-device'; readonly device: DeviceCertificate }
  | { readonly kind: 'revoke-device'; readonly device: DeviceId; readonly reason: RevocationReason }
  | { readonly kind: 'take-over'; readonly device: DeviceCertificate }
  | {
      readonly kind: 'set-endpoints';
      readonly endpoints: readonly { readonly gateway: string; readonly accountName: string | null }[];
    }
  | { readonly kind: 'set-policy'; readonly policy: AccountPolicy }
  | { readonly kind: 'rotate-account-key'; readonly newAccountKey: Uint8Array };

/** A parsed statement whose signatures verify. Whether its signers had a say is for `replay` to judge. */
export interface Statement {
  readonly account: AccountId;
  /** Genesis is 0. */
  readonly sequence: number;
  /** Null in Genesis. */
  readonly previous: StatementHash | null;
  /** Unix ms by the signer's clock: a hint. */
  readonly createdAt: number;
  readonly body: StatementBody;
  /** SHA-256("sotto/v1/statement-hash" ‖ body). */
  readonly hash: StatementHash;
  /** Ed25519 public keys of all who signed. */
  readonly signers: readonly Uint8Array[];
  /** Serialised `Signed`, as carried. */
  readonly bytes: Uint8Array;
}
