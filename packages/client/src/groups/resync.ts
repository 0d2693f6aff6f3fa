import { fromBinary } from '@bufbuild/protobuf';
import { accountId, deviceId, equalBytes, GroupResyncInfoSchema, LogEntryKind, readLogAdmission } from '@sotto/wire';
import type { GroupResyncInfo } from '@sotto/wire';
import { LogAdmissionSchema } from '@sotto/wire';
import { toBinary } from '@bufbuild/protobuf';
import { StoredGroup_State } from '@sotto/wire/stored';
import type { StoredGroup, StoredGroupOffer } from '@sotto/wire/stored';
import { findContact, stateOf } from '../contacts/rows.ts';
import type { ConversationRef } from '../refs.ts';
import type { Tx } from '../store/ledger.ts';
import { accountRef, conversationRef, deviceRef } from '../store/refs.ts';
import { groupOffers, groups } from '../store/tables.ts';
import { newPost } from './enqueue.ts';
import { fits, tellDevice } from './invite.ts';
import { opened } from './join.ts';
import { eachMember, findMember, putGroup, putPost, tellGroup } from './rows.ts';
import type { WorkerParts } from './worker-parts.ts';

const REQUEST_BYTES = 16;
/** Contacts asked at once, beside own devices. */
const MOST_ASKED = 3;
/** An admission that is not used by then is not used any more. Seconds. */
const ADMISSION_SECONDS = 600;
const MOST_ROUNDS = 8;

/** When this device may ask to be brought back in; Unix ms. */
export function mayAskAt({ core }: WorkerParts, group: StoredGroup): number {
  const last = Number(group.resyncAt);
  const now = core.clock.now();
  // A clock that was set back must not make it wait for longer.
  return last === 0 || last > now ? now : last + core.settings.groupResyncMs;
}

/** Asks own devices and a few contacts in the group. False: there is nobody to ask. */
export function askBackIn(tx: Tx, parts: WorkerParts, ref: ConversationRef): boolean {
  const { core } = parts;
  const group = groups.need(tx.write, ref);
  const request = core.provider.random(REQUEST_BYTES);
  group.resyncRequest = request;
  group.resyncInfo = new Uint8Array(0);
  group.resyncAt = BigInt(core.clock.now());
  let asked = 0;
  let contacts = 0;
  for (const member of eachMember(tx.write, ref)) {
    const account = accountId(member.account);
    const own = equalBytes(account, core.self.account);
    if (!own) {
      const contact = findContact(tx.write, account);
      if (contact === null || stateOf(contact) !== 'accepted' || contacts >= MOST_ASKED) continue;
      contacts++;
    }
    for (const leaf of member.leaves) {
      if (equalBytes(leaf.device, core.self.device)) continue;
      if (own && !core.own.otherDevices().includes(deviceRef(leaf.device))) continue;
      tellDevice(tx, core, { account, device: deviceId(leaf.device) }, group.id, {
        kind: 'groupResyncRequest',
        value: { request },
      });
      asked++;
    }
  }
  group.reason = asked === 0 ? 'waiting-member' : group.reason;
  putGroup(tx, group);
  tellGroup(tx, core, ref);
  return asked > 0;
}

/** Makes the external commit from what a member gave. False: something of it is not to be had for the moment. */
export async function rejoin(parts: WorkerParts, ref: ConversationRef, signal: AbortSignal): Promise<boolean> {
  const { core } = parts;
  const row = core.ledger.read((read) => groups.get(read, ref));
  if (row === null || row.resyncInfo.length === 0) return true;
  const info = fromBinary(GroupResyncInfoSchema, row.resyncInfo);
  if (
    row.reason === 'cannot-follow' &&
    info.admission !== undefined &&
    equalBytes(info.admission.epochKey, row.epochKey)
  ) {
    core.ledger.commit((tx) => goOn(tx, parts, ref));
    return true;
  }
  const groupInfo = await opened(parts, info.groupInfo, signal);
  const book = await opened(parts, info.accounts, signal);
  if (groupInfo === null || info.admission === undefined) return false;
  if (book !== null) core.ledger.commit((tx) => parts.acquaintances.read(tx, book));
  const wanted = new Map<string, Uint8Array>();
  for (let round = 0; round < MOST_ROUNDS; round++) {
    const outcome = await core.engine.performIf<'rejoin-group', void>(
      {
        request: {
          kind: 'rejoin-group',
          own: core.own.identity(),
          gateway: core.own.gateway,
          group: row.id,
          groupInfo,
          externalKey: info.externalKey,
          admission: toBinary(LogAdmissionSchema, info.admission),
          position: Number(info.position),
          chains: parts.chains.known(wanted.values()),
          now: core.clock.now(),
        },
        records: ['device/keys'],
        commit: (tx, result) => {
          if (result.kind === 'made') post(tx, ref, info, result);
        },
      },
      (result) => result.kind === 'made',
    );
    if (outcome.kind === 'committed') return true;
    const { result } = outcome;
    if (result.kind === 'need-chains') {
      for (const { account } of result.chains) wanted.set(accountRef(account), account);
      if (!(await parts.chains.find(result.chains, signal))) return false;
      continue;
    }
    // What one member gave is no good: others are asked when it is time.
    core.ledger.commit((tx) => forgetInfo(tx, ref));
    return true;
  }
  return false;
}

function post(
  tx: Tx,
  ref: ConversationRef,
  info: GroupResyncInfo,
  made: { readonly post: Uint8Array; readonly entryId: Uint8Array; readonly head: { readonly policy: Uint8Array } },
): void {
  const group = groups.need(tx.write, ref);
  group.resyncInfo = new Uint8Array(0);
  group.policy = made.head.policy;
  group.cursor = info.position;
  group.barrier = info.position;
  if (info.history !== undefined && info.history.height > (group.history?.height ?? 0n)) group.history = info.history;
  const kind = LogEntryKind.EXTERNAL_COMMIT;
  putPost(tx, newPost(tx, group, { kind, post: made.post, entry: made.entryId }));
  tx.ring('groupFollow', ref);
}

/** It was garbage that looked like a commit kept from this device: the member is in the same epoch. */
function goOn(tx: Tx, { core }: WorkerParts, ref: ConversationRef): void {
  const group = groups.need(tx.write, ref);
  group.state = StoredGroup_State.JOINED;
  group.reason = '';
  group.resyncInfo = new Uint8Array(0);
  putGroup(tx, group);
  tellGroup(tx, core, ref);
  // What came meanwhile was not taken.
  tx.ring('groupFollow', ref);
}

/** To be asked for again. */
export function forgetInfo(tx: Tx, ref: ConversationRef): void {
  const group = groups.get(tx.write, ref);
  if (group === null || group.state !== StoredGroup_State.RESYNCING) return;
  group.resyncInfo = new Uint8Array(0);
  group.resyncRequest = new Uint8Array(0);
  putGroup(tx, group);
}

/** Gives a device of a member what it needs to come back in. */
export async function offer(parts: WorkerParts, asking: StoredGroupOffer, signal: AbortSignal): Promise<void> {
  const { core } = parts;
  const ref = conversationRef(asking.group);
  const key = `${ref}/${deviceRef(asking.device)}`;
  const state = core.ledger.read((read) => ({
    group: groups.get(read, ref),
    member: findMember(read, ref, accountId(asking.account)),
    active: parts.acquaintances.isActive(read, accountId(asking.account), deviceId(asking.device)),
  }));
  const { group } = state;
  const may = group?.state === StoredGroup_State.JOINED && state.member !== null && state.active === true;
  if (!may) {
    core.ledger.commit((tx) => groupOffers.delete(tx.write, key));
    return;
  }
  const expiresAt = Math.floor(core.clock.now() / 1000) + ADMISSION_SECONDS;
  const made = await core.engine.ask({ kind: 'offer-rejoin', group: group.id, expiresAt }, []);
  const accounts = core.ledger.read((read) =>
    parts.acquaintances.book(
      read,
      [...eachMember(read, ref)].map((member) => accountId(member.account)),
    ),
  );
  const together = fits(made.groupInfo, accounts);
  const groupInfo = await parts.blobs.carry(made.groupInfo, fits(made.groupInfo), signal);
  core.ledger.commit((tx) => {
    groupOffers.delete(tx.write, key);
    const now = groups.get(tx.write, ref);
    // The group went on meanwhile: what was made is of no use, and will be asked for again.
    if (now === null || !equalBytes(now.epochKey, group.epochKey)) return;
    const admission = fromBinary(LogAdmissionSchema, made.admission);
    readLogAdmission(admission);
    tellDevice(tx, core, { account: accountId(asking.account), device: deviceId(asking.device) }, group.id, {
      kind: 'groupResyncInfo',
      value: {
        request: asking.request,
        log: logOf(group),
        groupInfo,
        externalKey: made.externalKey,
        admission,
        position: now.barrier,
        ...(now.history === undefined ? {} : { history: now.history }),
        ...(together ? { accounts: { inline: accounts } } : {}),
      },
    });
  });
}

function logOf({ log }: StoredGroup) {
  return { gateway: log?.gateway ?? '', log: log?.log ?? new Uint8Array(0) };
}
