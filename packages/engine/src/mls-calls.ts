import type { HeadRef, OwnIdentity } from './engine.ts';

/**
 * Calls on groups: MLS over a group log, as docs/decisions/0004-groups-over-a-gateway.md says. All that a group's
 * members must judge alike is judged here, from the group's records and the entry alone.
 *
 * - A group is named by its `ConversationId`; its records are `mls/<group hex>/…`, key packages are `key-package/<ref hex>`.
 * - A device reads the log in order of positions and gives each entry to `process-entry`, once, its own ones too: an own
 *   commit or proposal counts from there on and not before. Entries before the one it joined with are not for it.
 * - What a call makes is posted after its changes are committed, and then byte for byte the same until the log has decided.
 * - What `need` asks for comes in few rounds. Calls that read the whole tree (`create-commit`, `process-entry` for commits, `group-members`, `offer-rejoin`) ask for
 *   a record for each member and each node above; all others for a few, whatever the size of the group.
 */
export interface MlsCalls {
  /**
   * Makes key packages by which this device can be added to groups, for its current chain head. Reads `device/keys`,
   * writes `key-package/…`; publish them after that. Throws `revoked`, `identity`.
   */
  'create-key-packages': {
    request: {
      readonly own: OwnIdentity;
      /** Where the own chain is to be had, `sotto://host:port/pin`: named in the leaf's credential. */
      readonly gateway: string;
      /** To be handed out once each; at most 100. */
      readonly count: number;
      /** One more that a gateway hands out when there is no other, as often as need be. */
      readonly lastResort: boolean;
      /** MLS cipher suite; left out: X-Wing, 0xf002. */
      readonly suite?: number;
      readonly now: number;
    };
    result: { readonly keyPackages: readonly KeyPackageMade[] };
  };
  /** Deletes private halves: past `keptUntil`, or used (`join-group` deletes what it used itself, but for a last resort). */
  'delete-key-packages': {
    request: { readonly refs: readonly Uint8Array[] };
    result: { readonly deleted: number };
  };
  /**
   * Whom a key package is for, before it is used: an unverified claim, for choosing. Null: it cannot be used (damaged,
   * of an unknown version or suite, expired, or with a credential that is none).
   */
  'inspect-key-package': {
    request: { readonly keyPackage: Uint8Array; readonly now: number };
    result: { readonly keyPackage: KeyPackageFacts | null };
  };

  /**
   * Begins a group of this device alone. `policy` is a serialised GroupPolicy whose only role is the own account's as
   * owner, and which says `MLS`. Reads `device/keys`. Throws `exists` when there is a group of this id, `request` for a
   * policy that none may have, `revoked`, `identity`.
   */
  'create-group': {
    request: {
      readonly own: OwnIdentity;
      /** Where the own chain is to be had, `sotto://host:port/pin`: named in the leaf's credential. */
      readonly gateway: string;
      readonly group: Uint8Array;
      readonly policy: Uint8Array;
      /** MLS cipher suite; left out: X-Wing, 0xf002. */
      readonly suite?: number;
      readonly now: number;
    };
    result: { readonly head: GroupHead };
  };
  /** Where a group stands. Reads a few records. Throws `missing_record` when there is no such group. */
  'group-head': {
    request: { readonly group: Uint8Array };
    result: { readonly head: GroupHead };
  };
  /** Who is in a group, in order of leaves. Reads the whole tree. */
  'group-members': {
    request: { readonly group: Uint8Array };
    result: { readonly head: GroupHead; readonly members: readonly GroupMember[] };
  };

  /**
   * Makes a commit of what is asked for, of every removal proposed in this epoch, and of proposed updates. The group
   * stays as it is until `process-entry` takes the entry back from the log; several may be pending. Roles of accounts that
   * leave with it are taken out of the policy. The answer names what stands in the way when the rules do: nothing changed.
   */
  'create-commit': {
    request: {
      readonly own: OwnIdentity;
      /** Where the own chain is to be had, `sotto://host:port/pin`: named in the leaf's credential. */
      readonly gateway: string;
      readonly group: Uint8Array;
      /** Serialised key packages (MLSMessage) of devices to add. */
      readonly add?: readonly Uint8Array[];
      /** Leaves to remove. */
      readonly remove?: readonly number[];
      /** A serialised GroupPolicy in place of the one in force. */
      readonly policy?: Uint8Array;
      /** Fresh keys for the own leaf, also where nothing else asks for them; brings its credential to the own chain's head. */
      readonly update?: boolean;
      /** Chains of the accounts of `add` and of `revoked`, as far as known; the commit carries what members need of them. */
      readonly chains?: readonly Chain[];
      /** Where chains show that devices in `remove` are revoked, for those whom only that entitles to remove. */
      readonly revoked?: readonly { readonly account: Uint8Array; readonly head: HeadRef }[];
      /** Position of the last entry other than a message that was processed. */
      readonly after: number;
      readonly now: number;
    };
    result: CreateCommitResult;
  };
  /** Forgets an own commit that lost or that nobody wants any more. One that is not known is no error. */
  'drop-commit': {
    request: { readonly group: Uint8Array; readonly entryId: Uint8Array };
    result: { readonly dropped: boolean };
  };
  /**
   * Proposes: the removal of the own leaf and of the account's other leaves, if asked for (to leave), or fresh keys for
   * the own leaf. One entry for each proposal; each counts once it is read back. Removing other leaves reads the tree.
   */
  'create-proposals': {
    request: {
      readonly group: Uint8Array;
      readonly propose: { readonly kind: 'leave'; readonly allDevices: boolean } | { readonly kind: 'update' };
    };
    result: { readonly posts: readonly PostMade[] };
  };
  /**
   * Encrypts a content to the group. Of what this device posts, MLS can decrypt nothing: keep `entryId` with the content;
   * the entry will come back as `own`. Throws `too_large`, `group_closed`.
   */
  'encrypt-entry': {
    request: { readonly group: Uint8Array; readonly content: Uint8Array };
    result: PostMade & { readonly epoch: number };
  };

  /** Takes the next entry of the log. What is not the log's or not the group's is passed over, never an error. */
  'process-entry': {
    request: {
      readonly own: OwnIdentity;
      readonly group: Uint8Array;
      /** Serialised LogEntry. */
      readonly entry: Uint8Array;
      readonly now: number;
    };
    result: ProcessEntryResult;
  };

  /**
   * Joins by the Welcome and tree of an invitation, after which the log is read from the invitation's position on. Writes
   * the group; deletes the key package unless it is a last resort. Every member's credential is judged on its chain.
   */
  'join-group': {
    request: {
      readonly own: OwnIdentity;
      readonly welcome: Uint8Array;
      readonly tree: Uint8Array;
      readonly chains: readonly Chain[];
      readonly now: number;
    };
    result: JoinResult;
  };
  /**
   * Makes an external commit from what a member gave (GroupResyncInfo, its parts fetched), in place of whatever state there
   * is of the group. Until `process-entry` finds it accepted the group is `joining`: nothing else can be done with it. If
   * another commit comes first, or the log refuses it, call this again with fresh information.
   */
  'rejoin-group': {
    request: {
      readonly own: OwnIdentity;
      /** Where the own chain is to be had, `sotto://host:port/pin`: named in the leaf's credential. */
      readonly gateway: string;
      readonly group: Uint8Array;
      readonly groupInfo: Uint8Array;
      readonly externalKey: Uint8Array;
      /** Serialised LogAdmission. */
      readonly admission: Uint8Array;
      /** Position up to which the member has read. */
      readonly position: number;
      readonly chains: readonly Chain[];
      readonly now: number;
    };
    result:
      | ({ readonly kind: 'made'; readonly head: GroupHead } & PostMade)
      | NeedChains
      | { readonly kind: 'refused'; readonly reason: JoinRefusal };
  };
  /**
   * What a device of a member's account needs to rejoin by an external commit: the parts of a GroupResyncInfo, for the epoch
   * that this device is in. Reads the whole tree. That the device may have it is for the caller to know.
   */
  'offer-rejoin': {
    request: {
      readonly group: Uint8Array;
      /** Unix seconds. */
      readonly expiresAt: number;
    };
    result: {
      /** A serialised MLSMessage with a GroupInfo and the tree. */
      readonly groupInfo: Uint8Array;
      /** Secret; 32 bytes. */
      readonly externalKey: Uint8Array;
      /** Serialised LogAdmission. */
      readonly admission: Uint8Array;
    };
  };

  /**
   * Forgets what could read late messages of epochs that ended before `before` (Unix ms by this device's clock). Call it
   * when the log has been read to its end, with a time some minutes ago: nothing of those epochs can come any more.
   */
  'expire-group': {
    request: { readonly group: Uint8Array; readonly before: number };
    result: { readonly expired: number };
  };
  /** Deletes all records of a group. */
  'end-group': {
    request: { readonly group: Uint8Array };
    result: { readonly ended: boolean };
  };
}

/** Serialised statements of one account. */
export type Chain = readonly Uint8Array[];

export interface KeyPackageMade {
  /** KeyPackageRef, RFC 9420 §5.2. */
  readonly ref: Uint8Array;
  /** Serialised MLSMessage. */
  readonly keyPackage: Uint8Array;
  readonly lastResort: boolean;
  /** Unix ms after which nobody can use it; fetch and publish anew before. */
  readonly expiresAt: number;
  /** Unix ms when the private half is to be deleted (`delete-key-packages`), if it was not used before. */
  readonly keptUntil: number;
}

export interface KeyPackageFacts {
  readonly ref: Uint8Array;
  readonly account: Uint8Array;
  readonly device: Uint8Array;
  /** Of the account's chain, as the device saw it. */
  readonly head: HeadRef;
  /** Where that chain is to be had. */
  readonly gateway: string;
  readonly suite: number;
  readonly lastResort: boolean;
  readonly expiresAt: number;
}

/** Where a group stands for this device. */
export interface GroupHead {
  readonly group: Uint8Array;
  /**
   * `joining`: an own external commit is not yet read back. `removed`: this device is out; late messages can still be
   * read.
   */
  readonly status: 'active' | 'joining' | 'removed';
  readonly epoch: number;
  /** Public half of the epoch's key, 32 bytes: names the epoch in the log. */
  readonly epochKey: Uint8Array;
  readonly ownLeaf: number;
  readonly suite: number;
  /** Serialised GroupPolicy in force. */
  readonly policy: Uint8Array;
  /** Equal for all members of the epoch and nobody else; 32 bytes or as long as the suite's hash. */
  readonly authenticator: Uint8Array;
  /** Own commits not read back yet. */
  readonly pendingCommits: readonly Uint8Array[];
  /** Proposals of this epoch that a commit has to take in. */
  readonly proposals: readonly GroupProposal[];
}

export interface GroupDevice {
  readonly leaf: number;
  readonly account: Uint8Array;
  readonly device: Uint8Array;
}

export interface GroupMember extends GroupDevice {
  /** Head of the account's chain that its credential names, and where that chain is to be had. */
  readonly head: HeadRef;
  readonly gateway: string;
  readonly role: GroupRoleName;
  /**
   * Its turn among all leaves in this epoch, from 0, by SHA-256(epoch authenticator ‖ leaf): who commits what everybody
   * could commit waits that long, so that mostly one does.
   */
  readonly rank: number;
}

export type GroupRoleName = 'member' | 'admin' | 'owner';

export type GroupProposal =
  | { readonly kind: 'remove'; readonly from: GroupDevice; readonly target: GroupDevice }
  | { readonly kind: 'update'; readonly from: GroupDevice };

/** Something to be posted to the log. */
export interface PostMade {
  /** Serialised LogPost. */
  readonly post: Uint8Array;
  /** Of its entry: SHA-256("sotto/v1/log-entry-id" || serialised LogEntry). */
  readonly entryId: Uint8Array;
}

/** Call again with chains that reach these heads; all that is known to be missing is named at once. */
export interface NeedChains {
  readonly kind: 'need-chains';
  readonly chains: readonly {
    readonly account: Uint8Array;
    readonly sequence: number;
    /** Where its devices say that it is to be had. */
    readonly gateway: string;
  }[];
}

export type CreateCommitResult =
  | ({ readonly kind: 'made'; readonly next: CommitOutlook } & PostMade)
  | NeedChains
  /** The rules do not allow it in the group's present state; nothing changed. */
  | {
      readonly kind: 'refused';
      readonly rule: GroupRule;
      /** KeyPackageRefs that are to blame, where it is about key packages. */
      readonly keyPackages: readonly Uint8Array[];
    }
  /** It would change nothing: what was asked for is there already. */
  | { readonly kind: 'nothing-to-do' };

/** What comes with an own commit when it is accepted. */
export interface CommitOutlook {
  /** Number of the epoch that it begins, and its key. */
  readonly epoch: number;
  readonly epochKey: Uint8Array;
  /** One for each device added: its own Welcome, without the tree. */
  readonly welcomes: readonly {
    readonly account: Uint8Array;
    readonly device: Uint8Array;
    readonly ref: Uint8Array;
    readonly welcome: Uint8Array;
  }[];
  /** The ratchet_tree extension's content of the new epoch, the same for all that are added; null when nobody is. */
  readonly tree: Uint8Array | null;
  /** Accounts in the group then. */
  readonly accounts: number;
}

export type ProcessEntryResult =
  | {
      readonly kind: 'message';
      readonly from: GroupDevice;
      /** In the policy that is in force now: whether a kind of content is open to the sender is for the caller to say. */
      readonly role: GroupRoleName;
      readonly epoch: number;
      readonly content: Uint8Array;
      readonly entryId: Uint8Array;
    }
  /**
   * A message under this device's name. It is its own if `entryId` is that of something it has posted; otherwise another
   * member (or this device before it lost its state) made it, and it is to be passed over.
   */
  | { readonly kind: 'own'; readonly epoch: number; readonly entryId: Uint8Array }
  | { readonly kind: 'proposal'; readonly proposal: GroupProposal; readonly own: boolean; readonly entryId: Uint8Array }
  | { readonly kind: 'commit'; readonly change: GroupChange; readonly entryId: Uint8Array }
  | { readonly kind: 'passed-over'; readonly reason: PassedOver }
  /** It breaks a rule: all members pass it over. */
  | { readonly kind: 'invalid'; readonly rule: GroupRule };

/** A commit that counts, and where it led. */
export interface GroupChange {
  /** Who made it. */
  readonly by: GroupDevice;
  /** Made by this very device, and posted by it. */
  readonly own: boolean;
  /** From outside, by a device of a member's account. */
  readonly external: boolean;
  readonly epoch: number;
  readonly epochKey: Uint8Array;
  readonly added: readonly GroupDevice[];
  readonly removed: readonly GroupRemoval[];
  /** Devices with fresh keys. */
  readonly updated: readonly GroupDevice[];
  /** Serialised policies; null: unchanged. */
  readonly policy: { readonly before: Uint8Array; readonly after: Uint8Array } | null;
  /** This device is out. */
  readonly removedSelf: boolean;
  /** Chains that it carried, verified: as good as any that a gateway gives. */
  readonly chains: readonly Chain[];
  /** Own commits that lost against it and are gone: try what they were for again. */
  readonly lost: readonly Uint8Array[];
}

export interface GroupRemoval extends GroupDevice {
  /** Whose wish it was: who proposed it, or the committer. */
  readonly by: GroupDevice;
  readonly why:
    /** A device of the same account. */
    | 'own-account'
    | 'role'
    /** Revoked in its chain. */
    | 'revoked'
    /** Replaced by its new leaf (external commit). */
    | 'rejoined';
}

/** Why an entry does not matter (any more). */
export type PassedOver =
  /** Not an entry of this log, or it does not open. */
  | 'damaged'
  /** Under a key that never was of an epoch of this device: before it joined, on a branch that lost, or nobody's. */
  | 'unknown-key'
  /** A commit of an epoch that another commit had ended. */
  | 'lost-commit'
  /** A proposal of an epoch that is over. */
  | 'late-proposal'
  /** A message of an earlier epoch, whose sender was removed since. */
  | 'late-from-removed'
  /** A message of an epoch whose keys are gone. */
  | 'late-expired'
  /** Processed before. */
  | 'duplicate'
  /** One more proposal of a kind that its sender has made in this epoch. */
  | 'repeated-proposal'
  /**
   * A commit that was not encrypted right for this device, though others may read it. If they did, entries under keys
   * that this device does not know will follow: then it has to rejoin.
   */
  | 'unreadable-commit'
  /** This device is not (or no longer) a member in that epoch, or not yet. */
  | 'not-a-member';

/** The rule that a commit or proposal breaks. Closed. */
export type GroupRule =
  /** RFC 9420 refuses it. */
  | 'mls'
  /** The epoch that it begins does not have the key that the entry names. */
  | 'successor'
  /** A credential that is none, that the chain it names does not bear out, or whose device is revoked. */
  | 'credential'
  /** A chain that it relies on is not carried, damaged, or contradicts what the group has seen of that account. */
  | 'chain'
  /** A device would have two leaves. */
  | 'two-leaves'
  /** Who adds may not. */
  | 'add'
  /** Who removes may not. */
  | 'remove'
  /** It leaves out a removal that was proposed before it. */
  | 'removal-omitted'
  /**
   * The policy it sets is none, of another protocol or time of creation, or names a role for somebody who is not in the
   * group.
   */
  | 'policy-form'
  /** Who changes name, description, picture or timer may not. */
  | 'edit'
  /** Who changes roles, permissions, link or log may not. */
  | 'rule'
  /** A kind of proposal or group extension that groups do not use. */
  | 'proposal-kind'
  /** More in an external commit than the former leaf's removal, or by a device of no member. */
  | 'external'
  /** Content and kind of the entry differ. */
  | 'entry-kind';

export type JoinRefusal =
  /** The Welcome is to none of this device's key packages. */
  | 'no-key-package'
  /** There is a group of this id here, and this device is an active member of it. */
  | 'member-already'
  /** Damaged, or not what RFC 9420 accepts. */
  | 'mls'
  /** A member whose credential its chain does not bear out, or a device twice. */
  | 'credential'
  /** No device of the own account is in the group. */
  | 'not-a-member'
  /** The group's policy is none, or of another protocol. */
  | 'policy-form'
  /** It, or the key with it, is damaged, expired, or for another log. */
  | 'admission';

export type JoinResult =
  | {
      readonly kind: 'joined';
      readonly head: GroupHead;
      readonly members: readonly GroupMember[];
      /** The key package used; it is deleted, unless it is the last resort. */
      readonly ref: Uint8Array;
      readonly lastResort: boolean;
    }
  | NeedChains
  | { readonly kind: 'refused'; readonly reason: JoinRefusal };
