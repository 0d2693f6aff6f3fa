import { activeDevice, IdentityError, stateAt } from '@sotto/identity';
import type { AccountView } from '@sotto/identity';
import type { AuthenticationService, Member } from '@sotto/mls';
import { decodeMemberCredential, equalBytes, idHex, WireError } from '@sotto/wire';
import type { MemberCredential, RevocationHead } from '@sotto/wire';
import { EngineError } from '../error.ts';
import type { GroupRule } from '../mls-calls.ts';
import { once } from './once.ts';
import type { Seat } from './rules.ts';

type Credential = Parameters<AuthenticationService['accepts']>[0];

/** A chain that somebody relies on. */
export interface ReliedOn {
  readonly view: AccountView;
  readonly statements: readonly Uint8Array[];
}

/** Where a judge takes chains from; null: there is none of that account. Throws `IdentityError`, `EngineError` for a bad one. */
export type ChainSource = (account: string) => ReliedOn | null;

/** A head that a chain is to reach, and where to look for it. */
interface MissingChain {
  readonly account: Uint8Array;
  readonly sequence: number;
  readonly gateway: string;
}

/** What MLS asks about credentials. Whatever it finds missing is accepted for the moment, and decides afterwards. */
export interface CredentialJudge extends AuthenticationService {
  /** Not empty: the outcome means nothing yet. */
  readonly missing: readonly MissingChain[];
  /** Why the first credential that was refused was. */
  readonly refusal: Extract<GroupRule, 'credential' | 'chain'> | null;
}

/** Null for a credential of another kind or form. */
export function credentialOf(credential: Credential): MemberCredential | null {
  if (credential.kind !== 'basic') return null;
  try {
    return decodeMemberCredential(credential.identity);
  } catch (error) {
    if (error instanceof WireError) return null;
    throw error;
  }
}

/** Throws `EngineError` `damaged_record`: in a tree there are only credentials that were judged. */
export function seatOf(member: Pick<Member, 'leaf' | 'credential'>): Seat {
  const credential = credentialOf(member.credential);
  if (credential === null) throw new EngineError('damaged_record', 'a member of a group has no credential');
  return { leaf: member.leaf, account: credential.account, device: credential.device };
}

/** A member may show a later head of its chain, and another place to find it, and stays the same device. */
function succeeds(previous: Credential, next: Credential): boolean {
  const [a, b] = [credentialOf(previous), credentialOf(next)];
  return a !== null && b !== null && equalBytes(a.account, b.account) && equalBytes(a.device, b.device);
}

/**
 * Judges a commit's new credentials on the chains that the commit carries. Such a chain has to hold all that the tree
 * names of its account, so nobody can go back behind what the group has seen, and must nowhere revoke the device.
 */
export function judgeOfCommit(members: () => readonly Member[], carried: ChainSource): CredentialJudge {
  let refusal: CredentialJudge['refusal'] = null;
  const known = once(() => new Set(members().map(({ credential, signatureKey }) => keyOf(credential, signatureKey))));
  const heads = once(() => headsOf(members()));
  return {
    missing: [],
    get refusal() {
      return refusal;
    },
    succeeds,
    accepts(given, signatureKey) {
      if (known().has(keyOf(given, signatureKey))) return true;
      const credential = credentialOf(given);
      const verdict =
        credential === null
          ? 'credential'
          : judgeNew(credential, signatureKey, carried, heads().get(idHex(credential.account)) ?? []);
      refusal ??= verdict;
      return verdict === null;
    },
  };
}

/** Judges those whom a newcomer finds, on the chains that it knows, up to the heads that their credentials name. */
export function judgeOfNewcomer(known: ChainSource): CredentialJudge {
  const missing = new Map<string, MissingChain>();
  let refusal: CredentialJudge['refusal'] = null;
  return {
    get missing() {
      return [...missing.values()];
    },
    get refusal() {
      return refusal;
    },
    succeeds,
    accepts(given, signatureKey) {
      const credential = credentialOf(given);
      if (credential === null) {
        refusal ??= 'credential';
        return false;
      }
      const { account, head, gateway } = credential;
      const chain = tolerant(() => known(idHex(account)));
      const lookup = chain === 'bad' || chain === null ? null : stateAt(chain.view, head);
      if (chain === null || lookup?.kind === 'ahead') {
        const before = missing.get(idHex(account));
        if (before === undefined || before.sequence < head.sequence) {
          missing.set(idHex(account), { account, sequence: head.sequence, gateway });
        }
        return true;
      }
      const certified =
        lookup === null || lookup.kind === 'fork' ? null : activeDevice(lookup.state, credential.device);
      if (certified !== null && equalBytes(certified.certificate.ed25519, signatureKey)) return true;
      refusal ??= lookup === null || lookup.kind === 'fork' ? 'chain' : 'credential';
      return false;
    },
  };
}

/** Whether chains that a commit carries show a device to be revoked at a head that the commit names. */
export function isRevokedAt(seat: Seat, heads: readonly RevocationHead[], carried: ChainSource): boolean {
  const head = heads.find(({ account }) => equalBytes(account, seat.account));
  if (head === undefined) return false;
  const chain = tolerant(() => carried(idHex(seat.account)));
  if (chain === null || chain === 'bad') return false;
  const lookup = stateAt(chain.view, head);
  if (lookup.kind === 'ahead' || lookup.kind === 'fork') return false;
  return lookup.state.devices.get(idHex(seat.device))?.state.kind === 'revoked';
}

type Heads = readonly MemberCredential['head'][];

function judgeNew(
  credential: MemberCredential,
  signatureKey: Uint8Array,
  carried: ChainSource,
  treeHeads: Heads,
): CredentialJudge['refusal'] {
  const chain = tolerant(() => carried(idHex(credential.account)));
  if (chain === null || chain === 'bad') return 'chain';
  const { view } = chain;
  if (treeHeads.some((head) => !isFound(view, head)) || !isFound(view, credential.head)) return 'chain';
  const lookup = stateAt(view, credential.head);
  if (lookup.kind === 'ahead' || lookup.kind === 'fork') return 'chain';
  const certified = activeDevice(lookup.state, credential.device);
  if (certified === null || !equalBytes(certified.certificate.ed25519, signatureKey)) return 'credential';
  return isRevokedAnywhere(view, credential.device) ? 'credential' : null;
}

function isFound(view: AccountView, head: MemberCredential['head']): boolean {
  const { kind } = stateAt(view, head);
  return kind === 'known' || kind === 'void';
}

/** By the sibling rule a revocation can become void, and its signer be the very device that was revoked. */
function isRevokedAnywhere(view: AccountView, device: Uint8Array): boolean {
  return [...view.history.nodes.values()].some(
    ({ statement }) => statement.body.kind === 'revoke-device' && equalBytes(statement.body.device, device),
  );
}

/** Heads that the leaves of each account name. */
export function headsOf(members: readonly Member[]): Map<string, MemberCredential['head'][]> {
  const heads = new Map<string, MemberCredential['head'][]>();
  for (const { credential } of members) {
    const named = credentialOf(credential);
    if (named === null) continue;
    const account = idHex(named.account);
    const others = heads.get(account) ?? [];
    if (!others.some(({ hash }) => equalBytes(hash, named.head.hash))) others.push(named.head);
    heads.set(account, others);
  }
  return heads;
}

function tolerant(find: () => ReliedOn | null): ReliedOn | null | 'bad' {
  try {
    return find();
  } catch (error) {
    if (error instanceof IdentityError || (error instanceof EngineError && error.code === 'identity')) return 'bad';
    throw error;
  }
}

/** Credential and key of a leaf as one word. */
function keyOf(credential: Credential, signatureKey: Uint8Array): string {
  return credential.kind === 'basic' ? `${idHex(signatureKey)}${idHex(credential.identity)}` : 'x509';
}
