import type { VaultReader } from '@sotto/vault';
import { accountId, equalBytes, idHex } from '@sotto/wire';
import { StoredWanted_Kind } from '@sotto/wire/stored';
import type { StoredConversation, StoredMessage } from '@sotto/wire/stored';
import { findContact, stateOf } from '../contacts/rows.ts';
import { messageState } from '../conversations/view.ts';
import type { Parked } from '../inbox/parking.ts';
import { deliveryState } from '../outbox/list.ts';
import { deliveriesOf } from '../outbox/rows.ts';
import type { EnvelopeRef } from '../refs.ts';
import type { Rooms } from '../rooms.ts';
import { conversationRef, deviceOf, envelopeOf, messageRef } from '../store/refs.ts';
import { messages, peerDevices, sentLog, wanteds } from '../store/tables.ts';
import { readTrail, reasonOf } from '../trail/store.ts';
import type { Naming } from './names.ts';
import type { DiagnosedConversation, DiagnosedDevice, DiagnosedMessage } from './types.ts';

export interface Scope {
  readonly name: Naming;
  /** Messages at most. */
  readonly limit: number;
  readonly parked: readonly Parked[];
  /** Envelope refs by the message (hex) that they brought. */
  readonly carried: ReadonlyMap<string, readonly string[]>;
}

/** One conversation without anything that people wrote or are called. */
export function diagnoseConversation(
  read: VaultReader,
  { core }: Rooms,
  row: StoredConversation,
  scope: Scope,
): DiagnosedConversation {
  const { name } = scope;
  const contact = row.contact.length === 0 ? null : findContact(read, accountId(row.contact));
  const gateway = contact?.addresses?.addresses[0]?.gateway ?? contact?.gateway ?? '';
  const wanted = wanteds.all(read).filter((each) => equalBytes(each.row.conversation, row.id));
  return {
    name: name('conversation', row.id),
    kind: row.group ? 'group' : 'direct',
    state: contact === null ? null : stateOf(contact),
    sameGateway: contact === null || gateway === '' ? null : gateway === core.own.gateway,
    devices: devicesOf(read, row, core.self.account, name),
    unread: row.unread,
    timerSeconds: row.timer?.seconds ?? 0,
    highest: Number(row.highest),
    ends: row.ends.map((end) => name('message', end.message)),
    missing: row.missing.map((id) => name('message', id)),
    messages: latest(read, row, scope.limit).map((each) => diagnoseMessage(read, each, core.self.account, scope)),
    wanted: wanted.map(({ row: each }) => ({
      name: name(each.kind === StoredWanted_Kind.ENVELOPE ? 'envelope' : 'message', each.id),
      kind: each.kind === StoredWanted_Kind.ENVELOPE ? 'envelope' : 'message',
      from: name('device', each.device),
      reason: reasonOf(each.reason),
      since: Number(each.since),
      attempts: each.attempts,
      nextAt: each.nextAt === 0n ? null : Number(each.nextAt),
    })),
    parked: scope.parked.map((each) => ({
      name: name('envelope', envelopeOf(each.key as EnvelopeRef)),
      reason: reasonOf(each.row.reason),
      at: Number(each.row.parkedAt),
    })),
  };
}

/** Lines only: an edit or a reaction is told by the line that it changed. */
function latest(read: VaultReader, { id }: StoredConversation, limit: number): StoredMessage[] {
  const range = { partition: conversationRef(id), limit, newestFirst: true };
  return messages
    .list(read, range)
    .map((entry) => entry.row)
    .filter((row) => row.notice === undefined)
    .toReversed();
}

function devicesOf(
  read: VaultReader,
  { contact }: StoredConversation,
  self: Uint8Array,
  name: Naming,
): DiagnosedDevice[] {
  return peerDevices
    .all(read)
    .map((entry) => entry.row)
    .filter(({ account }) => equalBytes(account, contact) || equalBytes(account, self))
    .map((row) => ({
      name: name('device', row.device),
      own: equalBytes(row.account, self),
      sessions: row.sessions.length,
      resetAt: row.resetAt === 0n ? null : Number(row.resetAt),
      unanswered: row.unanswered,
    }));
}

function diagnoseMessage(
  read: VaultReader,
  row: StoredMessage,
  self: Uint8Array,
  { name, carried }: Scope,
): DiagnosedMessage {
  const ref = messageRef(row.id);
  const trail = readTrail(read, ref);
  const ways = deliveriesOf(read, ref);
  const sent = [...(sentLog.get(read, ref)?.devices ?? []), ...ways];
  const came = carried.get(idHex(row.id)) ?? [];
  return {
    name: name(row.placeholder ? 'envelope' : 'message', row.id),
    device: name('device', row.device),
    own: equalBytes(row.author, self),
    kind: row.placeholder ? 'placeholder' : row.deleted ? 'deleted' : 'message',
    counter: Number(row.counter),
    height: Number(row.height),
    state: messageState(row),
    storedAt: Number(row.storedAt),
    envelopes: [
      ...sent.flatMap(({ device, envelopes }) =>
        envelopes.map((id) => ({ name: name('envelope', id), device: name('device', device) })),
      ),
      ...came.map((id) => ({ name: name('envelope', envelopeOf(id as EnvelopeRef)), device: null })),
    ],
    steps: trail.steps.map(({ at, code, device }) => ({
      at,
      code,
      device: device === null ? null : name('device', deviceOf(device)),
    })),
    omitted: trail.omitted,
    deliveries: ways.map((way) => ({
      device: name('device', way.device),
      state: deliveryState(way.state),
      reason: reasonOf(way.reason),
      attempts: way.attempts,
      heals: way.heals,
    })),
  };
}
