import { readInventory } from '@sotto/vault';
import type { VaultReader } from '@sotto/vault';
import type { StoredConversation } from '@sotto/wire/stored';
import { allParked } from '../inbox/parking.ts';
import type { Parked } from '../inbox/parking.ts';
import { MessengerError } from '../error.ts';
import { readIncidents } from '../incidents.ts';
import { listOutbox } from '../outbox/list.ts';
import type { Rooms } from '../rooms.ts';
import type { Settings } from '../settings.ts';
import { conversations, marks } from '../store/tables.ts';
import { reasonOf } from '../trail/store.ts';
import { diagnoseConversation } from './conversation.ts';
import { namesIn } from './names.ts';
import type { DiagnosedConversation, Diagnostics, DiagnosticsOptions } from './types.ts';

const MOST_CONVERSATIONS = 50;
const MESSAGES_DEFAULT = 100;
const MESSAGES_MOST = 1000;

/** A bundle for support; see `Diagnostics` for what it leaves out. Throws `invalid_argument`. */
export function diagnose(rooms: Rooms, options: DiagnosticsOptions): Diagnostics {
  const { core, connection, sessions, prekeys, problems } = rooms;
  const limit = options.messages ?? MESSAGES_DEFAULT;
  if (!Number.isInteger(limit) || limit < 1) throw new MessengerError('invalid_argument', 'at least one message');
  const entries = listOutbox(core);
  const { row, view } = { row: core.own.row(), view: core.own.view };
  const devices = [...view.devices.values()];
  const active = devices.filter((each) => each.state.kind === 'active').length;
  return core.ledger.read((read) => {
    const parked = allParked(read);
    const all = conversations.all(read).map((entry) => entry.row);
    const chosen = all.toSorted((a, b) => Number(b.activeAt - a.activeAt)).slice(0, MOST_CONVERSATIONS);
    return {
      format: 'sotto-diagnostics',
      version: 1,
      createdAt: core.clock.now(),
      connection: connection.state,
      registered: row.registered,
      settings: plain(core.settings),
      sessions: sessions.tags.sessions,
      prekeys: prekeys.stock,
      prekeysRotatedAt: readInventory(read).rotatedAt,
      ownDevices: { active, revoked: devices.length - active },
      incidents: readIncidents(read),
      outbox: countBy(entries.map((entry) => entry.reason)),
      parked: countBy(parked.map((each) => reasonOf(each.row.reason))),
      problems: problems.latest,
      conversations: diagnoseAll(read, rooms, chosen, parked, { ...options, messages: Math.min(limit, MESSAGES_MOST) }),
      omitted: all.length - chosen.length,
    };
  });
}

function diagnoseAll(
  read: VaultReader,
  rooms: Rooms,
  rows: readonly StoredConversation[],
  parked: readonly Parked[],
  { messages, caseCode = '' }: DiagnosticsOptions & { readonly messages: number },
): DiagnosedConversation[] {
  const carried = envelopesByMessage(read);
  return rows.map((row) =>
    diagnoseConversation(read, rooms, row, {
      name: namesIn(rooms.core.provider, row.id, caseCode),
      limit: messages,
      parked,
      carried,
    }),
  );
}

/** Envelopes that brought messages to here. */
function envelopesByMessage(read: VaultReader): ReadonlyMap<string, readonly string[]> {
  const found = new Map<string, string[]>();
  for (const { key, row } of marks.all(read)) {
    if (row.message.length === 0) continue;
    const message = Buffer.from(row.message).toString('hex');
    found.set(message, [...(found.get(message) ?? []), key]);
  }
  return found;
}

function countBy(reasons: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const reason of reasons) counts[reason] = (counts[reason] ?? 0) + 1;
  return counts;
}

/** Rules that are functions are only said to be there. */
function plain(settings: Settings): Diagnostics['settings'] {
  const values: Record<string, Diagnostics['settings'][string]> = {};
  for (const [key, value] of Object.entries(settings) as [string, unknown][]) {
    if (typeof value === 'boolean') values[key] = value;
    else if (typeof value === 'number') values[key] = Number.isFinite(value) ? value : 'unlimited';
    else if (typeof value === 'function') values[key] = 'rule';
    else if (Array.isArray(value)) values[key] = value.filter((each) => typeof each === 'number');
  }
  return values;
}
