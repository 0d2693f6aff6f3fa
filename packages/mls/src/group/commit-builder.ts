import { NO_BYTES } from '../bytes.ts';
import { MlsError } from '../error.ts';
import type { WireFormat } from '../messages/authenticated.ts';
import type { Extension } from '../messages/extension.ts';
import { MLS10 } from '../messages/key-package.ts';
import { decodeMessage } from '../messages/message.ts';
import type { Proposal } from '../messages/proposal.ts';
import type { ResumptionUsage } from '../messages/psk.ts';
import type { Sealer } from '../sealing.ts';
import type { SuiteCrypto } from '../suite.ts';
import type { LeafChanges } from './build-commit.ts';
import type { Surroundings } from './options.ts';
import type { CommitEffects } from './effects.ts';

/** A commit that was made and is not yet accepted. The group stays in its epoch until it is merged. */
export interface PendingCommit {
  /** By which the group recognises it. */
  readonly digest: Uint8Array;
  /** To all members. */
  readonly message: Uint8Array;
  /** To those added; null when there are none. To be sent only once the commit was accepted. */
  readonly welcome: Uint8Array | null;
  /** GroupInfo of the epoch it begins, where it was asked for: it is as long as the tree. */
  readonly groupInfo: Uint8Array | null;
  readonly effects: CommitEffects;
}

/** What a builder has gathered. */
export interface CommitPlan {
  readonly proposals: readonly Proposal[];
  readonly includeProposals: boolean;
  /** Null makes a path only where RFC 9420 asks for one. */
  readonly leaf: LeafChanges | null;
  readonly authenticatedData: Uint8Array;
  readonly wireFormat: WireFormat | null;
  readonly ratchetTree: boolean;
  readonly externalPub: boolean;
  readonly groupInfo: boolean;
  /** The group that a new one follows from with this very commit. */
  readonly successor: Exclude<ResumptionUsage, 'application'> | null;
}

interface BuilderParts {
  readonly crypto: SuiteCrypto;
  readonly around: Surroundings;
  readonly create: (plan: CommitPlan) => PendingCommit;
  readonly createBy: (sealer: Sealer, plan: CommitPlan) => Promise<PendingCommit>;
}

/** Gathers what a commit is to do; `create` makes it. */
export class CommitBuilder {
  readonly #parts: BuilderParts;
  readonly #proposals: Proposal[] = [];
  #plan: Omit<CommitPlan, 'proposals'> = {
    includeProposals: true,
    leaf: null,
    authenticatedData: NO_BYTES,
    wireFormat: null,
    ratchetTree: true,
    externalPub: false,
    groupInfo: false,
    successor: null,
  };

  constructor(parts: BuilderParts) {
    this.#parts = parts;
  }

  /** Adds whoever published this KeyPackage message. */
  add(keyPackage: Uint8Array): this {
    const message = decodeMessage(keyPackage.slice());
    if (message.kind !== 'key_package') throw new MlsError('wire_format', 'a message is not a key package');
    return this.#propose({ kind: 'add', keyPackage: message.keyPackage });
  }

  remove(leaf: number): this {
    return this.#propose({ kind: 'remove', leaf });
  }

  /** A fresh path, and changes to the own leaf: heals the group from what an attacker may know of this member. */
  update(changes: LeafChanges = {}): this {
    this.#plan = { ...this.#plan, leaf: changes };
    return this;
  }

  /** Mixes a key from the PSK store in. */
  externalPsk(id: Uint8Array): this {
    return this.#propose({ kind: 'psk', psk: { kind: 'external', id, nonce: this.#nonce() } });
  }

  /** Mixes in the resumption key of an epoch of this or another group. */
  resumptionPsk(groupId: Uint8Array, epoch: bigint): this {
    return this.#resume(groupId, epoch, 'application');
  }

  /**
   * Marks the group as the successor of another, RFC 9420 §11.2 and §11.3. For the first commit of a group that was
   * created `from` it.
   */
  succeed(
    usage: Exclude<ResumptionUsage, 'application'>,
    from: { readonly groupId: Uint8Array; readonly epoch: bigint },
  ): this {
    this.#plan = { ...this.#plan, successor: usage };
    return this.#resume(from.groupId, from.epoch, usage);
  }

  /** Replaces the group's extensions, all of them. */
  extensions(extensions: readonly Extension[]): this {
    return this.#propose({ kind: 'group_context_extensions', extensions });
  }

  /** Ends the group in favour of one with these parameters, RFC 9420 §11.2. Nothing else may be in the commit. */
  reinit(parameters: {
    readonly groupId: Uint8Array;
    readonly cipherSuite: number;
    readonly extensions?: readonly Extension[];
  }): this {
    const { groupId, cipherSuite, extensions = [] } = parameters;
    return this.#propose({ kind: 'reinit', groupId, version: MLS10, cipherSuite, extensions });
  }

  /** Without the proposals that others sent in this epoch. */
  withoutPending(): this {
    this.#plan = { ...this.#plan, includeProposals: false };
    return this;
  }

  /** Travels in the clear, authenticated. */
  authenticate(data: Uint8Array): this {
    this.#plan = { ...this.#plan, authenticatedData: data };
    return this;
  }

  /** Instead of the policy's wire format. */
  as(wireFormat: WireFormat): this {
    this.#plan = { ...this.#plan, wireFormat };
    return this;
  }

  /** Leaves the tree out of Welcome and GroupInfo; joiners need it another way. */
  withoutRatchetTree(): this {
    this.#plan = { ...this.#plan, ratchetTree: false };
    return this;
  }

  /** Puts the external key into Welcome and GroupInfo. */
  withExternalKey(): this {
    this.#plan = { ...this.#plan, externalPub: true };
    return this;
  }

  /** Gives the GroupInfo of the next epoch too, for those who will join by an external commit. */
  withGroupInfo(): this {
    this.#plan = { ...this.#plan, groupInfo: true };
    return this;
  }

  /** Makes the commit. The group stays where it is until `merge`. Throws what makes the commit invalid. */
  create(): PendingCommit {
    return this.#parts.create({ ...this.#plan, proposals: this.#proposals });
  }

  /**
   * The same with its seals made by `sealer`, for commits that add or reach many. The group can be used meanwhile; if it
   * leaves its epoch, this throws `overtaken`.
   */
  createBy(sealer: Sealer): Promise<PendingCommit> {
    return this.#parts.createBy(sealer, { ...this.#plan, proposals: this.#proposals });
  }

  #resume(groupId: Uint8Array, epoch: bigint, usage: ResumptionUsage): this {
    return this.#propose({ kind: 'psk', psk: { kind: 'resumption', usage, groupId, epoch, nonce: this.#nonce() } });
  }

  #propose(proposal: Proposal): this {
    this.#proposals.push(proposal);
    return this;
  }

  #nonce(): Uint8Array {
    return this.#parts.around.provider.random(this.#parts.crypto.hashSize);
  }
}
