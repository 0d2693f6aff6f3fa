import { fromBinary } from '@bufbuild/protobuf';
import { encodeSigchain } from '@sotto/identity';
import { inspect, MlsError } from '@sotto/mls';
import type { Group, Inspected } from '@sotto/mls';
import { accountId, deviceId, equalBytes, idHex, LogAdmissionSchema, readLogAdmission } from '@sotto/wire';
import type { GroupRules, LogAdmission } from '@sotto/wire';
import { Secret } from '@sotto/crypto';
import type { RecordChange } from '../../engine.ts';
import { writeOwnEffects } from '../../groups/change-record.ts';
import { knownChains } from '../../groups/chains.ts';
import { judgeOfNewcomer, seatOf } from '../../groups/credentials.ts';
import type { CredentialJudge } from '../../groups/credentials.ts';
import { deletionsOf } from '../../groups/delete.ts';
import { policyBytesIn, readPolicy } from '../../groups/effects.ts';
import { epochKeysOf, postOf, sealEntry } from '../../groups/epoch-keys.ts';
import { headOf, membersOf } from '../../groups/head.ts';
import { identityOf } from '../../groups/identity.ts';
import { readLogState, wipeLogState } from '../../groups/log-state.ts';
import type { LogState } from '../../groups/log-state.ts';
import type { Seat } from '../../groups/rules.ts';
import { changesOf, effectsName, isOwnFault, logChange, mlsClient, placeOf, trusting } from '../../groups/store.ts';
import type { JoinRefusal } from '../../mls-calls.ts';
import { keyPackageName } from '../../records.ts';
import { parsed } from '../account.ts';
import type { Call, CallContext } from '../context.ts';
import { firstState } from './group.ts';

/** A Welcome that was split is to one. */
const REF_LIMIT = 64;
const KEY_BYTES = 32;

export const joinGroup: Call<'join-group'> = (context, request, records) => {
  const { own, now } = request;
  const seen = inspected(context, request.welcome);
  if (seen?.kind !== 'welcome') return refused('mls');
  const refs = seen.refs.slice(0, REF_LIMIT);
  records.require(refs.map(keyPackageName));
  const ref = refs.find((candidate) => records.find(keyPackageName(candidate)) !== null);
  if (ref === undefined) return refused('no-key-package');
  const judge = judgeOfNewcomer(knownChains(context, [...request.chains, own.chain]));
  const client = mlsClient(context, { now, authentication: judge });
  return trusting(() => {
    using bundle = client.loadKeyPackage(records.get(keyPackageName(ref)));
    let joined: Group;
    try {
      joined = client.join({ welcome: request.welcome, ratchetTree: request.tree, keyPackages: [bundle] }).group;
    } catch (error) {
      return refused(refusalOf(error, judge));
    }
    using group = joined;
    if (judge.missing.length > 0) return { result: { kind: 'need-chains', chains: judge.missing }, changed: [] };
    const rules = joinableRules(group);
    if (typeof rules === 'string') return refused(rules);
    const place = placeOf(group.groupId);
    const former = records.find(place.log);
    if (former !== null && standingOf(former) === 'active') return refused('member-already');
    const deleted = former === null ? [] : deletionsOf(context, place, records);
    const state = firstState(epochKeysOf(context.crypto, group, rules.log.id));
    const head = headOf(group, state);
    const members = membersOf(context.crypto, group);
    const lastResort = bundle.isLastResort;
    const used: RecordChange[] = lastResort ? [] : [{ name: keyPackageName(ref), bytes: null }];
    const changed = replacing(deleted, [...changesOf(place, group), logChange(place, state), ...used]);
    wipeLogState(state);
    return { result: { kind: 'joined', head, members, ref: ref.slice(), lastResort }, changed };
  });
};

export const rejoinGroup: Call<'rejoin-group'> = (context, request, records) => {
  const { own, now } = request;
  const { crypto } = context;
  const place = placeOf(request.group);
  const admission = readAdmission(request.admission);
  const isUsable = admission !== null && admission.expiresAt * 1000 > now && request.externalKey.length === KEY_BYTES;
  if (!isUsable) return refused('admission');
  const seen = inspected(context, request.groupInfo);
  if (seen?.kind !== 'group_info' || !equalBytes(seen.groupId, request.group)) return refused('mls');
  const former = records.find(place.log);
  const deleted = former === null ? [] : deletionsOf(context, place, records);
  const self = parsed(() => ({ account: accountId(own.account), device: deviceId(own.device) }));
  const judge = judgeOfNewcomer(knownChains(context, [...request.chains, own.chain]));
  return trusting(() => {
    const identity = identityOf(context, request, records);
    const client = mlsClient(context, { now, authentication: judge, identity });
    const before: { seats: readonly Seat[] } = { seats: [] };
    let made: ReturnType<typeof client.joinExternally>;
    try {
      made = client.joinExternally({
        groupInfo: request.groupInfo,
        remove: (members) => {
          if (judge.missing.length > 0) throw new StillMissing();
          before.seats = members.map(seatOf);
          return before.seats.find((seat) => isDevice(seat, self))?.leaf ?? null;
        },
      });
    } catch (error) {
      identity.signer[Symbol.dispose]();
      if (error instanceof StillMissing) return { result: { kind: 'need-chains', chains: judge.missing }, changed: [] };
      return refused(refusalOf(error, judge));
    }
    using group = made.group;
    const rules = joinableRules(group);
    if (typeof rules === 'string') return refused(rules);
    if (!before.seats.some(({ account }) => equalBytes(account, self.account))) return refused('not-a-member');
    if (!equalBytes(rules.log.id, admission.log)) return refused('admission');
    const current = epochKeysOf(crypto, group, rules.log.id);
    using externalKey = Secret.copy(request.externalKey);
    const fields = {
      log: admission.log,
      epochKey: admission.epochKey,
      kind: 'external-commit',
      successor: current.publicKey,
    } as const;
    const chains = [encodeSigchain(own.chain)];
    const entry = sealEntry(crypto, externalKey, fields, { mls: made.commit, chains });
    const post = postOf(crypto, entry, { kind: 'admission', admission }, request.position);
    const by: Seat = { leaf: group.ownLeaf, ...self };
    const effects = writeOwnEffects({
      by,
      external: true,
      added: [by],
      removed: before.seats.filter((seat) => isDevice(seat, self)).map((seat) => ({ ...seat, by, why: 'rejoined' })),
      updated: [],
      policy: null,
    });
    const state: LogState = { ...firstState(current), standing: 'joining', joining: post.entryId };
    const head = headOf(group, state);
    const written: RecordChange[] = [
      ...changesOf(place, group),
      logChange(place, state),
      { name: effectsName(place, post.entryId), bytes: effects },
    ];
    wipeLogState(state);
    return { result: { kind: 'made', head, ...post }, changed: replacing(deleted, written) };
  });
};

function refused(reason: JoinRefusal): {
  readonly result: { readonly kind: 'refused'; readonly reason: JoinRefusal };
  readonly changed: readonly RecordChange[];
} {
  return { result: { kind: 'refused', reason }, changed: [] };
}

/** Ends an external join early: chains are missing, and keys would be made for nothing. */
class StillMissing extends Error {}

/** The rules of a group that can be joined; else what stands against it. */
function joinableRules(group: Group): GroupRules | 'policy-form' | 'credential' {
  const bytes = policyBytesIn(group.extensions);
  const rules = bytes === null ? null : readPolicy(bytes);
  if (rules === null || rules.protocol !== 'mls') return 'policy-form';
  const seats = group.members().map(seatOf);
  const accounts = new Set(seats.map(({ account }) => idHex(account)));
  if (rules.roles.some(({ account }) => !accounts.has(idHex(account)))) return 'policy-form';
  const devices = new Set(seats.map(({ account, device }) => idHex(account) + idHex(device)));
  return devices.size < seats.length ? 'credential' : rules;
}

/** `MlsError`s that what was received is to blame for; others pass through. */
function refusalOf(error: unknown, judge: CredentialJudge): JoinRefusal {
  if (!(error instanceof MlsError) || isOwnFault(error)) throw error;
  if (error.code === 'no_key_package') return 'no-key-package';
  return judge.refusal === null ? 'mls' : 'credential';
}

function standingOf(record: Uint8Array): LogState['standing'] {
  const state = readLogState(record);
  wipeLogState(state);
  return state.standing;
}

/** Each name once: what is written stays written. */
function replacing(deleted: readonly RecordChange[], written: readonly RecordChange[]): RecordChange[] {
  const names = new Set(written.map(({ name }) => name));
  return [...deleted.filter(({ name }) => !names.has(name)), ...written];
}

function readAdmission(bytes: Uint8Array): LogAdmission | null {
  try {
    return readLogAdmission(fromBinary(LogAdmissionSchema, bytes));
  } catch {
    return null;
  }
}

function inspected({ crypto }: CallContext, bytes: Uint8Array): Inspected | null {
  try {
    return inspect(crypto, bytes);
  } catch (error) {
    if (error instanceof MlsError) return null;
    throw error;
  }
}

function isDevice(seat: Seat, self: { readonly account: Uint8Array; readonly device: Uint8Array }): boolean {
  return equalBytes(seat.account, self.account) && equalBytes(seat.device, self.device);
}
