import type { CryptoProvider, Secret } from '@sotto/crypto';
import type { PaddingPolicy } from '../framing/private.ts';
import type { WireFormat } from '../messages/authenticated.ts';
import type { Credential } from '../messages/credential.ts';
import type { RatchetLimits } from '../schedule/ratchet.ts';
import type { TreeCache } from '../tree/tree-cache.ts';

/** Says what credentials are worth, RFC 9420 §5.3.1. Must judge alike at all members, or the group falls apart. */
export interface AuthenticationService {
  /** Whether the signature key belongs to whom the credential names. */
  accepts(credential: Credential, signatureKey: Uint8Array): boolean;
  /** Whether a member with `previous` may take `next` instead. Without it, only an equal credential. */
  succeeds?(previous: Credential, next: Credential): boolean;
}

/** Keys from outside the group, RFC 9420 §8.4. Null for those not known. The group copies what it gets. */
export interface PskStore {
  external?(id: Uint8Array): Secret | null;
  /** Resumption keys of other groups, and of epochs this group no longer keeps. */
  resumption?(groupId: Uint8Array, epoch: bigint): Secret | null;
}

/** What a group tolerates and keeps. */
export interface GroupPolicy extends RatchetLimits {
  /** Epochs whose late messages are still read. */
  readonly pastEpochs: number;
  /** How long a past epoch is kept, ms. */
  readonly pastEpochAge: number;
  /** Epochs that can be gone back to, for groups without an order of commits. None, unless they are asked for. */
  readonly snapshots: number;
  /** How long a snapshot is kept, ms. */
  readonly snapshotAge: number;
  /** Proposals kept of one epoch: any member, and who may propose from outside, can send them. */
  readonly maxProposals: number;
  /** Members and blank places of the largest tree. */
  readonly maxLeaves: number;
  /** Whether leaves of a tree received on joining must be within their lifetime. An Add's always must. */
  readonly checkTreeLifetimes: boolean;
  /** The longest lifetime of a leaf, ms (RFC 9420 §7.2); checked where lifetimes are. */
  readonly maxLifetime: number;
  /** How far clocks may be apart when lifetimes are checked, seconds. */
  readonly clockSkew: number;
  readonly padding: PaddingPolicy;
  /** How proposals and commits travel; external commits are always public. */
  readonly handshakes: WireFormat;
}

/** To the next multiple of 32, and from 512 bytes on of a sixteenth of the length's power of two: at most 12% longer. */
export const stepPadding: PaddingPolicy = (length) => {
  const step = length < 512 ? 32 : 2 ** (27 - Math.clz32(length));
  return Math.ceil(length / step) * step - length;
};

export const DEFAULT_POLICY: GroupPolicy = {
  maxGenerationJump: 1024,
  skippedKeys: 128,
  pastEpochs: 3,
  pastEpochAge: 24 * 60 * 60 * 1000,
  snapshots: 0,
  snapshotAge: 24 * 60 * 60 * 1000,
  maxProposals: 4096,
  maxLeaves: 65_536,
  checkTreeLifetimes: false,
  maxLifetime: 366 * 24 * 60 * 60 * 1000,
  clockSkew: 60 * 60,
  padding: stepPadding,
  handshakes: 'private_message',
};

/** Everything a group gets from outside. */
export interface Surroundings {
  readonly provider: CryptoProvider;
  readonly authentication: AuthenticationService;
  readonly psks: PskStore;
  readonly policy: GroupPolicy;
  readonly trees?: TreeCache;
  /** Unix ms. */
  readonly now: () => number;
}
