import type { CryptoProvider, PrivateKey } from '@sotto/crypto';
import { Secret } from '@sotto/crypto';
import { NO_BYTES, sameBytes } from './bytes.ts';
import { decodeWhole } from './codec/reader.ts';
import { encode } from './codec/writer.ts';
import { MlsError } from './error.ts';
import { protectPublic, signContent, withTag } from './framing/public.ts';
import { buildCommit } from './group/build-commit.ts';
import { Group } from './group/group.ts';
import { joinGroup, treeFor } from './group/join.ts';
import type { Predecessor } from './group/join.ts';
import { memberOf } from './group/member.ts';
import type { Member } from './group/member.ts';
import { DEFAULT_POLICY } from './group/options.ts';
import type { AuthenticationService, GroupPolicy, PskStore, Surroundings } from './group/options.ts';
import { messageDigest } from './group/receive.ts';
import type { RecordReader } from './group/records.ts';
import { epochOf } from './group/stage.ts';
import type { Staged } from './group/stage.ts';
import { GroupState } from './group/state.ts';
import { KeyPackageBundle } from './key-package-bundle.ts';
import type { Capabilities } from './messages/capabilities.ts';
import { CREDENTIAL_TYPES, writeCredential } from './messages/credential.ts';
import type { Credential } from './messages/credential.ts';
import { EXTENSION_TYPES, extensionOf, writeExtensions } from './messages/extension.ts';
import type { Extension } from './messages/extension.ts';
import { encodeGroupContext } from './messages/group-context.ts';
import { verifyGroupInfo } from './messages/group-info.ts';
import type { GroupInfo } from './messages/group-info.ts';
import { MLS10, signKeyPackage } from './messages/key-package.ts';
import { signLeafNode } from './messages/leaf-node.ts';
import type { LeafNodeFields, Lifetime } from './messages/leaf-node.ts';
import { decodeMessage, encodeMessage } from './messages/message.ts';
import type { Proposal } from './messages/proposal.ts';
import { interimTranscriptHash } from './schedule/transcript.ts';
import { sealingHere } from './sealing.ts';
import { secretsOf, wipeEpochSecrets } from './schedule/key-schedule.ts';
import { SuiteCrypto } from './suite.ts';
import { CIPHER_SUITES } from './cipher-suites.ts';
import type { SignatureKind } from '@sotto/crypto';
import { requireCapabilities, demandsOf } from './group/leaf-rules.ts';
import { treeOf } from './tree/ratchet-tree.ts';
import type { TreeCache } from './tree/tree-cache.ts';

export interface Identity {
  readonly credential: Credential;
  readonly signer: PrivateKey<SignatureKind>;
}

export interface ClientOptions {
  readonly provider: CryptoProvider;
  /** IANA number of the cipher suite for what this client makes; groups keep theirs. */
  readonly cipherSuite: number;
  readonly identity: Identity;
  readonly authentication: AuthenticationService;
  /** Unix ms. */
  readonly now: () => number;
  readonly psks?: PskStore;
  readonly policy?: Partial<GroupPolicy>;
  /** Saves reading and decoding trees that were seen before. */
  readonly trees?: TreeCache;
  /** Beyond what this package itself supports: types of the application. */
  readonly capabilities?: Partial<Capabilities>;
}

export interface KeyPackageOptions {
  /** For those who find no other; it may be joined with more than once. */
  readonly lastResort?: boolean;
  /** ms; 84 days if left out. */
  readonly validFor?: number;
  readonly extensions?: readonly Extension[];
  readonly leafExtensions?: readonly Extension[];
}

export interface JoinOptions {
  readonly welcome: Uint8Array;
  /** Whichever of these the Welcome is to. */
  readonly keyPackages: readonly KeyPackageBundle[];
  /** When the Welcome does not bring it. */
  readonly ratchetTree?: Uint8Array;
  /** Where the group follows from another of this client's, RFC 9420 §11.2 and §11.3. */
  readonly from?: { readonly usage: 'reinit' | 'branch'; readonly group: Group };
}

export interface Joined {
  readonly group: Group;
  /** The key package that was used: delete it unless it is a last resort. */
  readonly keyPackage: KeyPackageBundle;
}

/** A reasonable span for key packages that wait on a server. */
const VALID_FOR = 84 * 24 * 60 * 60 * 1000;
const GROUP_ID_SIZE = 16;
/** RFC 9420 §7.2: a lifetime begins a little earlier, for clocks that are behind. */
const EARLIER = 60 * 60 * 1000;

/** What one device does with MLS: key packages, and ways into groups. Holds no state of its own. */
export class Client {
  readonly #around: Surroundings;
  readonly #identity: Identity;
  readonly #crypto: SuiteCrypto;
  readonly #capabilities: Capabilities;

  /** Throws `unsupported_suite`. */
  constructor(options: ClientOptions) {
    const { provider, authentication, now, psks = {}, trees } = options;
    const policy = { ...DEFAULT_POLICY, ...options.policy };
    this.#around = { provider, authentication, now, psks, policy, ...(trees === undefined ? {} : { trees }) };
    this.#identity = options.identity;
    this.#crypto = suiteCrypto(provider, options.cipherSuite);
    this.#capabilities = {
      versions: [MLS10],
      cipherSuites: [...CIPHER_SUITES.keys()],
      extensions: [EXTENSION_TYPES.lastResort],
      proposals: [],
      credentials: Object.values(CREDENTIAL_TYPES),
      ...options.capabilities,
    };
  }

  /** Makes a key package. Store `encode()` of it before publishing its `message`. */
  createKeyPackage(options: KeyPackageOptions = {}): KeyPackageBundle {
    const crypto = this.#crypto;
    const { signer } = this.#identity;
    const initKey = crypto.generateKey();
    const leafKey = crypto.generateKey();
    const leafNode = signLeafNode(
      crypto,
      signer,
      this.#leafFields(leafKey.publicKey, options.leafExtensions ?? [], this.#lifetime(options.validFor ?? VALID_FOR)),
      null,
    );
    const extensions = [...(options.extensions ?? [])];
    if (options.lastResort === true) extensions.push({ type: EXTENSION_TYPES.lastResort, data: NO_BYTES });
    const keyPackage = signKeyPackage(crypto, signer, { initKey: initKey.publicKey, leafNode, extensions });
    return new KeyPackageBundle(crypto, keyPackage, { initKey, leafKey, signer });
  }

  /** Reads what `KeyPackageBundle.encode` gave. */
  loadKeyPackage(bytes: Uint8Array): KeyPackageBundle {
    return KeyPackageBundle.decode(this.#around.provider, bytes);
  }

  /**
   * A group of one, RFC 9420 §11; `groupId` is random when left out. `from` is the group that the new one follows, whose
   * resumption keys it then knows.
   */
  createGroup(
    options: { readonly groupId?: Uint8Array; readonly extensions?: readonly Extension[]; readonly from?: Group } = {},
  ): Group {
    const crypto = this.#crypto;
    const { signer } = this.#identity;
    const groupId = options.groupId?.slice() ?? crypto.provider.random(GROUP_ID_SIZE);
    const extensions = options.extensions ?? [];
    requireCapabilities(this.#capabilities, demandsOf(extensions));
    const leafKey = crypto.generateKey();
    const leaf = signLeafNode(crypto, signer, this.#leafFields(leafKey.publicKey, [], this.#lifetime(VALID_FOR)), null);
    const tree = treeOf(crypto, leaf);
    const context = {
      version: MLS10,
      cipherSuite: crypto.suite.id,
      groupId,
      epoch: 0n,
      treeHash: tree.treeHash(),
      confirmedTranscriptHash: NO_BYTES,
      extensions,
    };
    using epochSecret = Secret.take(crypto.provider.random(crypto.hashSize));
    const { encryption, ...secrets } = secretsOf(crypto, epochSecret);
    const epoch = epochOf(crypto, {
      context,
      contextBytes: encodeGroupContext(context),
      secrets,
      ownLeaf: 0,
      width: 1,
      signer,
      digest: null,
    });
    const staged = { epoch, encryption, tree, keys: new Map([[0, leafKey]]) };
    return this.#begin(staged, this.#withResumption(options.from ?? null));
  }

  /** Joins by a Welcome message, RFC 9420 §12.4.3.1. Throws `no_key_package` when it is to none of these. */
  join(options: JoinOptions): Joined {
    const message = decodeMessage(options.welcome.slice());
    if (message.kind !== 'welcome') throw new MlsError('wire_format', 'a message is not a welcome');
    const { welcome } = message;
    const bundle = options.keyPackages.find(({ ref }) =>
      welcome.secrets.some(({ newMember }) => sameBytes(newMember, ref)),
    );
    if (bundle === undefined) throw new MlsError('no_key_package', 'a welcome is to none of these key packages');
    const staged = joinGroup(suiteCrypto(this.#around.provider, bundle.keyPackage.cipherSuite), {
      welcome,
      ref: bundle.ref,
      keyPackage: bundle.keyPackage,
      keys: bundle.keys,
      ratchetTree: options.ratchetTree?.slice() ?? null,
      predecessor: options.from === undefined ? null : predecessorOf(options.from.usage, options.from.group),
      around: this.#withResumption(options.from?.group ?? null),
    });
    return { group: this.#begin(staged), keyPackage: bundle };
  }

  /**
   * Joins by an external commit to a GroupInfo message, RFC 9420 §12.4.3.2. The group is as if the commit was accepted:
   * keep it only when it was. `remove` is an own former leaf, or finds it among the members; `psks` what the members will
   * know too.
   */
  joinExternally(options: {
    readonly groupInfo: Uint8Array;
    readonly ratchetTree?: Uint8Array;
    readonly remove?: number | ((members: readonly Member[]) => number | null);
    readonly externalPsks?: readonly Uint8Array[];
    readonly resumption?: readonly { readonly groupId: Uint8Array; readonly epoch: bigint }[];
    readonly authenticatedData?: Uint8Array;
  }): { readonly commit: Uint8Array; readonly group: Group } {
    const info = this.#groupInfo(options.groupInfo);
    const crypto = suiteCrypto(this.#around.provider, info.context.cipherSuite);
    const tree = treeFor(crypto, info, options.ratchetTree?.slice() ?? null, this.#around);
    const signer = tree.leaf(info.signer);
    if (signer === null) throw new MlsError('group_info_signature', 'a group info is signed by no member');
    verifyGroupInfo(crypto, signer.verifier(crypto), info);
    const external = extensionOf(info.extensions, EXTENSION_TYPES.externalPub);
    if (external === null) throw new MlsError('external_init', 'a group info has no external key');
    const externalKey = crypto.importPublicKey(decodeWhole(external, (reader) => reader.vector()));
    const { kemOutput, initSecret } = crypto.externalInit(externalKey);
    using init = initSecret;
    const nonce = (): Uint8Array => crypto.provider.random(crypto.hashSize);
    const { remove: wanted = null } = options;
    const remove =
      typeof wanted === 'function' ? wanted([...tree.leaves()].map(([leaf, node]) => memberOf(leaf, node))) : wanted;
    const proposals: Proposal[] = [
      { kind: 'external_init', kemOutput },
      ...(remove === null ? [] : [{ kind: 'remove', leaf: remove } as const]),
      ...(options.externalPsks ?? []).map(
        (id) => ({ kind: 'psk', psk: { kind: 'external', id, nonce: nonce() } }) as const,
      ),
      ...(options.resumption ?? []).map(
        ({ groupId, epoch }) =>
          ({ kind: 'psk', psk: { kind: 'resumption', usage: 'application', groupId, epoch, nonce: nonce() } }) as const,
      ),
    ];
    const { signer: own } = this.#identity;
    const before = outsideEpoch(crypto, info, own, tree.width);
    const committer = { kind: 'new_member_commit' } as const;
    const { encryptionKey: _, source: __, ...leafFields } = this.#leafFields(NO_BYTES, [], this.#lifetime(VALID_FOR));
    const building = buildCommit(
      { crypto, around: this.#around, epoch: before, tree, keys: new Map(), resumption: () => null },
      {
        proposals: proposals.map((proposal) => ({ proposal, sender: committer, ref: null })),
        committer,
        leafFields,
        leafSigner: own,
        signer: own,
        forcePath: true,
        authenticatedData: options.authenticatedData ?? NO_BYTES,
        wireFormat: 'public_message',
        initSecret: init,
        successor: null,
      },
      { ratchetTree: false, externalPub: false, groupInfo: false },
    );
    const built = sealingHere(crypto, building);
    const message = protectPublic(crypto, built.content, before.secrets.membership, before.contextBytes);
    wipeEpochSecrets(before.secrets);
    const commit = encodeMessage({ kind: 'public_message', message });
    const epoch = { ...built.staged.epoch, commitDigest: messageDigest(crypto, commit) };
    return { commit, group: this.#begin({ ...built.staged, epoch }) };
  }

  /** A stored group. Reads what one message needs, the rest when asked for. Throws `no_group`, `record`. */
  load(reader: RecordReader): Group {
    return Group.load(this.#around, reader);
  }

  /** Asks a group's members to add this client: a proposal from outside, RFC 9420 §12.1.8. */
  proposeJoin(options: { readonly groupInfo: Uint8Array; readonly keyPackage: KeyPackageBundle }): Uint8Array {
    const { context } = this.#groupInfo(options.groupInfo);
    const { keyPackage, keys } = options.keyPackage;
    const crypto = suiteCrypto(this.#around.provider, context.cipherSuite);
    const framed = {
      groupId: context.groupId,
      epoch: context.epoch,
      sender: { kind: 'new_member_proposal' },
      authenticatedData: NO_BYTES,
      content: { kind: 'proposal', proposal: { kind: 'add', keyPackage } },
    } as const;
    const content = withTag(signContent(crypto, keys.signer, 'public_message', framed, NO_BYTES), null);
    return encodeMessage({ kind: 'public_message', message: { content, membershipTag: null } });
  }

  /**
   * Proposes as an external sender that the group names at `index` of its external_senders extension, RFC 9420 §12.1.8.1.
   */
  proposeFromOutside(options: {
    readonly groupId: Uint8Array;
    readonly epoch: bigint;
    readonly index: number;
    readonly proposal: Proposal;
  }): Uint8Array {
    const framed = {
      groupId: options.groupId,
      epoch: options.epoch,
      sender: { kind: 'external', index: options.index },
      authenticatedData: NO_BYTES,
      content: { kind: 'proposal', proposal: options.proposal },
    } as const;
    const { signer } = this.#identity;
    const content = withTag(signContent(this.#crypto, signer, 'public_message', framed, NO_BYTES), null);
    return encodeMessage({ kind: 'public_message', message: { content, membershipTag: null } });
  }

  #begin(staged: Staged, around: Surroundings = this.#around): Group {
    const crypto = suiteCrypto(around.provider, staged.epoch.context.cipherSuite);
    return new Group(GroupState.begin(crypto, around, staged));
  }

  #groupInfo(bytes: Uint8Array): GroupInfo {
    const message = decodeMessage(bytes.slice());
    if (message.kind !== 'group_info') throw new MlsError('wire_format', 'a message is not a group info');
    return message.groupInfo;
  }

  #leafFields(encryptionKey: Uint8Array, extensions: readonly Extension[], lifetime: Lifetime): LeafNodeFields {
    return {
      encryptionKey,
      signatureKey: this.#identity.signer.publicKey,
      credential: this.#identity.credential,
      capabilities: this.#capabilities,
      source: { kind: 'key_package', lifetime },
      extensions,
    };
  }

  #lifetime(validFor: number): Lifetime {
    const now = this.#around.now();
    return { notBefore: seconds(now - EARLIER), notAfter: seconds(now + validFor) };
  }

  /** With the resumption keys of a group that the new one follows. */
  #withResumption(group: Group | null): Surroundings {
    if (group === null) return this.#around;
    const { psks } = this.#around;
    const resumption = (groupId: Uint8Array, epoch: bigint): Secret | null =>
      (sameBytes(groupId, group.groupId) ? group.resumptionPsk(epoch) : null) ??
      psks.resumption?.(groupId, epoch) ??
      null;
    return { ...this.#around, psks: { ...psks, resumption } };
  }
}

/** Unix seconds of Unix ms. */
function seconds(time: number): bigint {
  return BigInt(Math.floor(time / 1000));
}

function suiteCrypto(provider: CryptoProvider, id: number): SuiteCrypto {
  const suite = CIPHER_SUITES.get(id);
  if (suite === undefined) throw new MlsError('unsupported_suite', 'a cipher suite is not offered');
  return new SuiteCrypto(provider, suite);
}

/** The epoch before an external commit as its maker knows it: everything but its secrets, which nothing uses. */
function outsideEpoch(
  crypto: SuiteCrypto,
  info: GroupInfo,
  signer: PrivateKey<SignatureKind>,
  width: number,
): Staged['epoch'] {
  using nothing = Secret.take(crypto.zero());
  const { encryption, ...secrets } = secretsOf(crypto, nothing);
  encryption.dispose();
  const { context } = info;
  const contextBytes = encodeGroupContext(context);
  const epoch = epochOf(crypto, { context, contextBytes, secrets, ownLeaf: 0, width, signer, digest: null });
  const interim = interimTranscriptHash(crypto, context.confirmedTranscriptHash, info.confirmationTag);
  return { ...epoch, confirmationTag: info.confirmationTag, interimTranscriptHash: interim };
}

/** RFC 9420 §11.2 and §11.3: what a successor must share with its predecessor. */
function predecessorOf(usage: 'reinit' | 'branch', group: Group): Predecessor {
  const { groupId, epoch, status } = group;
  const members = group.members().map(({ credential }) => encode(credential, writeCredential));
  return {
    usage,
    groupId,
    epoch,
    check(info, tree) {
      const { context } = info;
      if (usage === 'reinit') {
        const reinit = status.kind === 'reinitialised' ? status.reinit : null;
        const isAsSaid =
          reinit !== null &&
          sameBytes(reinit.groupId, context.groupId) &&
          reinit.version === context.version &&
          reinit.cipherSuite === context.cipherSuite &&
          sameBytes(encode(reinit.extensions, writeExtensions), encode(context.extensions, writeExtensions));
        if (!isAsSaid) throw new MlsError('successor', 'a group is not the one that a re-init announced');
        return;
      }
      const isSubset =
        context.version === MLS10 &&
        context.cipherSuite === group.cipherSuite &&
        [...tree.leaves()].every(([, leaf]) => {
          const credential = encode(leaf.credential, writeCredential);
          return members.some((member) => sameBytes(member, credential));
        });
      if (!isSubset) throw new MlsError('successor', 'a branch has members that its origin has not');
    },
  };
}
