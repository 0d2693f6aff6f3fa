import { encodeSigchain, stateAt } from '@sotto/identity';
import { MlsError, splitWelcome } from '@sotto/mls';
import type { Group, Member, PendingCommit } from '@sotto/mls';
import {
  encodeCommitInfo,
  encodeGroupPolicy,
  equalBytes,
  GROUP_POLICY_EXTENSION,
  idHex,
  logId,
  statementHash,
  accountId,
} from '@sotto/wire';
import type { GroupRules, RevocationHead } from '@sotto/wire';
import type { EngineRequest } from '../../engine.ts';
import { EngineError } from '../../error.ts';
import { isIdentityFault, knownChains, recording } from '../../groups/chains.ts';
import { writeOwnEffects } from '../../groups/change-record.ts';
import type { OwnEffects } from '../../groups/change-record.ts';
import { headsOf, judgeOfCommit, seatOf } from '../../groups/credentials.ts';
import type { ChainSource } from '../../groups/credentials.ts';
import { factsOf, policyOf, readPolicy, removalsOf, updatedOf, waitingRemovals } from '../../groups/effects.ts';
import { epochKeyOf, sealEntry, signedPost } from '../../groups/epoch-keys.ts';
import { ownCredential } from '../../groups/identity.ts';
import type { LogState } from '../../groups/log-state.ts';
import { once } from '../../groups/once.ts';
import { judgeCommit, leavingAccounts } from '../../groups/rules.ts';
import {
  changesOf,
  effectsName,
  isOwnFault,
  loadGroup,
  loadLogState,
  logChange,
  mlsClient,
  placeOf,
  trusting,
} from '../../groups/store.ts';
import type { CommitOutlook, CreateCommitResult, KeyPackageFacts } from '../../mls-calls.ts';
import { parsed } from '../account.ts';
import type { Call, CallContext, Done } from '../context.ts';
import { keyPackageFacts } from './key-packages.ts';

type Request = EngineRequest<'create-commit'>;
type Refused = Extract<CreateCommitResult, { kind: 'refused' }>;

export const createCommit: Call<'create-commit'> = (context, request, records) => {
  const place = placeOf(request.group);
  using state = loadLogState(place, records);
  if (state.standing !== 'active') throw new EngineError('group_closed', 'the group is not open for commits');
  const chains = recording(knownChains(context, [...(request.chains ?? []), request.own.chain]));
  let loaded: Group | null = null;
  const members = once(() => loaded?.members() ?? []);
  const judge = judgeOfCommit(members, chains.source);
  return trusting(() => {
    using group = loadGroup(
      mlsClient(context, { now: request.now, authentication: judge, judgesTime: true }),
      place,
      records,
    );
    loaded = group;
    const added = (request.add ?? []).map((bytes) => ({ bytes, facts: keyPackageFacts(context, bytes, request.now) }));
    const gone = new Set([...(request.remove ?? []), ...waitingRemovals(group)]);
    const staying = once(() => members().filter(({ leaf }) => !gone.has(leaf)));
    const lookedAt = lookAt(group, added, { members, staying, chains: chains.source });
    if (lookedAt !== null) return done(lookedAt);
    const plan = planOf(
      context,
      group,
      request,
      added.map(({ facts }) => facts),
      members,
    );
    if (plan === null) return done({ kind: 'nothing-to-do' });

    // MLS does not ask about the own leaf.
    const isOwnGood = plan.credential === null || judge.accepts(basic(plan.credential), ownKey(group));
    if (!isOwnGood) return done({ kind: 'refused', rule: judge.refusal ?? 'credential', keyPackages: [] });
    let commit: PendingCommit;
    try {
      commit = build(group, plan);
    } catch (error) {
      if (!(error instanceof MlsError) || isOwnFault(error) || error.code === 'group_closed') throw error;
      return done(refusedFor(judge.refusal ?? 'mls', unfit(group, added)));
    }
    const facts = factsOf(group, commit.effects, { revocations: plan.revocations, carried: chains.source });
    const rule = judgeCommit(facts);
    if (rule !== null) {
      const alone = { policyChange: null, waiting: [], removed: facts.removed };
      const blamed = facts.added.map((one) => judgeCommit({ ...facts, ...alone, added: [one] }) !== null);
      return done(
        refusedFor(
          rule,
          added.filter((_, i) => blamed[i] === true),
        ),
      );
    }
    const effects: OwnEffects = {
      by: facts.committer.seat,
      external: false,
      added: facts.added.map(({ seat }) => seat),
      removed: removalsOf(facts),
      updated: updatedOf(commit.effects),
      policy: plan.policy === null ? null : { before: policyOf(group).bytes, after: plan.policy },
    };

    // From here on the group goes ahead in memory, for what the next epoch says of itself; its records stay behind.
    const changes = changesOf(place, group);
    group.merge(commit.digest);
    const successor = epochKeyOf(context.crypto, group);
    const { current } = state;
    const entry = sealEntry(
      context.crypto,
      current.sealKey,
      { log: logId(current.log), epochKey: current.publicKey, kind: 'commit', successor },
      { mls: commit.message, chains: [...chains.used.values()].map(({ statements }) => encodeSigchain(statements)) },
    );
    const post = signedPost(context, current, entry, request.after);
    const own = {
      entry: post.entryId,
      digest: commit.digest,
      removes: commit.effects.removed.map(({ leaf }) => leaf),
    };
    const next: LogState = { ...state, commits: [...state.commits, own] };
    const changed = [
      ...changes,
      logChange(place, next),
      { name: effectsName(place, post.entryId), bytes: writeOwnEffects(effects) },
    ];
    return { result: { kind: 'made', ...post, next: outlookOf(group, commit, successor) }, changed };
  });
};

function done(result: CreateCommitResult): Done<'create-commit'> {
  return { result, changed: [] };
}

interface Added {
  readonly bytes: Uint8Array;
  readonly facts: KeyPackageFacts | null;
}

/** What speaks against key packages before anything is made of them, or which chains they need. */
function lookAt(
  group: Group,
  added: readonly Added[],
  known: {
    readonly members: () => readonly Member[];
    readonly staying: () => readonly Member[];
    readonly chains: ChainSource;
  },
): CreateCommitResult | null {
  const unusable = added.filter(({ facts }) => facts === null || facts.suite !== group.cipherSuite);
  if (unusable.length > 0) return refusedFor('mls', unusable);
  if (added.length === 0) return null;
  const there = new Set(known.staying().map((member) => idHex(seatOf(member).device)));
  const twice = added.filter(({ facts }) => facts !== null && there.has(idHex(facts.device)));
  if (twice.length > 0) return refusedFor('two-leaves', twice);
  const heads = headsOf(known.members());
  const missing = new Map<string, { account: Uint8Array; sequence: number; gateway: string }>();
  const bad: Added[] = [];
  for (const item of added) {
    if (item.facts === null) continue;
    const { account, head, gateway } = item.facts;
    const needed = [...(heads.get(idHex(account)) ?? []), { ...head, hash: statementHash(head.hash) }];
    const view = viewOf(known.chains, idHex(account));
    if (view === 'bad') {
      bad.push(item);
      continue;
    }
    const lookups = needed.map((at) => (view === null ? 'ahead' : stateAt(view, at).kind));
    if (lookups.includes('fork')) bad.push(item);
    else if (lookups.includes('ahead')) {
      const sequence = Math.max(...needed.map((at) => at.sequence), missing.get(idHex(account))?.sequence ?? 0);
      missing.set(idHex(account), { account, sequence, gateway });
    }
  }
  if (bad.length > 0) return refusedFor('chain', bad);
  return missing.size > 0 ? { kind: 'need-chains', chains: [...missing.values()] } : null;
}

function viewOf(chains: ChainSource, account: string) {
  try {
    return chains(account)?.view ?? null;
  } catch (error) {
    if (isIdentityFault(error)) return 'bad';
    throw error;
  }
}

/** Key packages that MLS refuses by themselves. Looked for only when something is wrong. */
function unfit(group: Group, added: readonly Added[]): Added[] {
  return added.filter(({ bytes }) => {
    try {
      group.commit().withoutPending().withoutRatchetTree().add(bytes).create();
      return false;
    } catch (error) {
      if (error instanceof MlsError && !isOwnFault(error)) return true;
      throw error;
    }
  });
}

function refusedFor(rule: Refused['rule'], items: readonly Added[]): Refused {
  return { kind: 'refused', rule, keyPackages: items.flatMap(({ facts }) => facts?.ref ?? []) };
}

interface Plan {
  readonly add: readonly Uint8Array[];
  readonly remove: readonly number[];
  /** Serialised; null: it stays. */
  readonly policy: Uint8Array | null;
  readonly revocations: readonly RevocationHead[];
  /** Null: keys only where RFC 9420 asks for them. */
  readonly credential: Uint8Array | null;
  readonly update: boolean;
}

/** Null when there is nothing to do. */
function planOf(
  context: CallContext,
  group: Group,
  request: Request,
  added: readonly (KeyPackageFacts | null)[],
  members: () => readonly Member[],
): Plan | null {
  const waiting = waitingRemovals(group);
  const remove = [...new Set(request.remove ?? [])].filter(
    (leaf) => !waiting.includes(leaf) && group.member(leaf) !== null,
  );
  const policy = policyAfter(group, request, [...waiting, ...remove], added, members);
  const update = request.update === true;
  const hasUpdates = group.proposals().some(({ proposal }) => proposal.kind === 'update');
  const idle = added.length === 0 && remove.length === 0 && waiting.length === 0 && policy === null;
  if (idle && !update && !hasUpdates) return null;
  return {
    add: request.add ?? [],
    remove,
    policy,
    revocations: (request.revoked ?? []).map(({ account, head }) =>
      parsed(() => ({ account: accountId(account), sequence: head.sequence, hash: statementHash(head.hash) })),
    ),
    credential: update ? newCredential(context, group, request) : null,
    update,
  };
}

/** The own credential if it says something new. */
function newCredential(context: CallContext, group: Group, request: Request): Uint8Array | null {
  const { identity } = ownCredential(context, request);
  const member = group.member(group.ownLeaf);
  const isSame = member?.credential.kind === 'basic' && equalBytes(member.credential.identity, identity);
  return isSame ? null : identity;
}

/** The policy asked for, without the roles of accounts that leave; null when it stays as it is. */
function policyAfter(
  group: Group,
  request: Request,
  leaving: readonly number[],
  added: readonly (KeyPackageFacts | null)[],
  members: () => readonly Member[],
): Uint8Array | null {
  const { bytes: before, rules } = policyOf(group);
  const wanted: GroupRules | null = request.policy === undefined ? rules : readPolicy(request.policy);
  if (wanted === null) throw new EngineError('request', 'the policy is none');
  let { roles } = wanted;
  if (leaving.length > 0 && roles.length > 0) {
    const joining = added.flatMap((facts) =>
      facts === null
        ? []
        : [{ leaf: -1, account: accountId(facts.account), device: facts.device } as ReturnType<typeof seatOf>],
    );
    const seats = members().map(seatOf);
    const gone = leavingAccounts(
      seats,
      seats.filter(({ leaf }) => leaving.includes(leaf)),
      joining,
    );
    roles = roles.filter(({ account }) => !gone.has(idHex(account)));
  }
  const after = encodeGroupPolicy({ ...wanted, roles });
  return equalBytes(after, before) ? null : after;
}

function build(group: Group, plan: Plan): PendingCommit {
  const builder = group.commit().withoutRatchetTree();
  for (const keyPackage of plan.add) builder.add(keyPackage);
  for (const leaf of plan.remove) builder.remove(leaf);
  if (plan.policy !== null) builder.extensions([{ type: GROUP_POLICY_EXTENSION, data: plan.policy }]);
  if (plan.update) {
    builder.update(plan.credential === null ? {} : { credential: basic(plan.credential) });
  }
  if (plan.revocations.length > 0) builder.authenticate(encodeCommitInfo({ revocations: plan.revocations }));
  return builder.create();
}

function basic(identity: Uint8Array): Member['credential'] {
  return { kind: 'basic', identity };
}

function ownKey(group: Group): Uint8Array {
  return group.member(group.ownLeaf)?.signatureKey ?? new Uint8Array();
}

/** `group` is in the epoch to come. */
function outlookOf(group: Group, commit: PendingCommit, epochKey: Uint8Array): CommitOutlook {
  const { welcome, effects } = commit;
  const members = group.members().map(seatOf);
  const parts = welcome === null ? [] : splitWelcome(welcome);
  const adds = effects.proposals.filter(({ proposal }) => proposal.kind === 'add');
  return {
    epoch: Number(group.epoch),
    epochKey,
    welcomes: effects.added.flatMap((member, i) => {
      const part = parts[i];
      if (part === undefined || adds[i] === undefined) return [];
      const { account, device } = seatOf(member);
      return [{ account, device, ...part }];
    }),
    tree: welcome === null ? null : group.ratchetTree(),
    accounts: new Set(members.map(({ account }) => idHex(account))).size,
  };
}
