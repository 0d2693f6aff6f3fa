import type { AccountId, StatementHash } from '@sotto/wire';
import type { DeviceCertificate } from './certificate.ts';
import type { History } from './history.ts';
import type { AccountPolicy, RevocationReason, Statement } from './statement.ts';

/** A place in a chain: sequence and hash of a statement. */
export interface Position {
  readonly sequence: number;
  readonly hash: StatementHash;
}

/** A device as the chain knows it. */
export interface DeviceEntry {
  readonly certificate: DeviceCertificate;
  /** The statement that certified it; the lower its sequence, the more senior the device. */
  readonly certifiedBy: Position;
  readonly state:
    | { readonly kind: 'active' }
    | { readonly kind: 'revoked'; readonly reason: RevocationReason; readonly revokedBy: Position };
}

/** What an account's chain says at one statement. */
export interface ChainState {
  readonly account: AccountId;
  readonly head: Position;
  readonly accountKey: Uint8Array;
  readonly recoveryKey: Uint8Array;
  readonly policy: AccountPolicy;
  /** All devices ever certified, by `idHex` of their DeviceId, oldest first. */
  readonly devices: ReadonlyMap<string, DeviceEntry>;
}

/** What an account's chain says now, and how it came to. */
export interface AccountView extends ChainState {
  /** The statements in force, Genesis first. */
  readonly statements: readonly Statement[];
  /** Statements that lost against a sibling, and what was built on them. */
  readonly void: readonly Statement[];
  /** Everything replayed, for `extend` and `stateAt`. */
  readonly history: History;
}

/** Two statements by one signer on top of the same one: proof that this signer lies to somebody. */
export interface Equivocation {
  /** Ed25519 public key of the signer. */
  readonly signer: Uint8Array;
  /** The statement both stand on. */
  readonly on: Position;
  readonly statements: readonly Statement[];
}

/** Outcome of replaying statements. In an equivocation, `view` holds none of the equivocating statements. */
export type ReplayResult =
  | { readonly kind: 'consistent'; readonly view: AccountView }
  | { readonly kind: 'equivocation'; readonly view: AccountView; readonly evidence: readonly Equivocation[] };
