import { create } from '@bufbuild/protobuf';
import { ConversationSettingsSchema } from '@sotto/wire';
import type { ConversationSettings as StoredSettings } from '@sotto/wire';
import { MAX_TEXT_BYTES, utf8Length } from '@sotto/wire';
import type { StoredConversation } from '@sotto/wire/stored';
import { MessengerError } from '../error.ts';
import { messageOf, messageRef } from '../store/refs.ts';
import type { ConversationChange, ConversationSettings } from './types.ts';

/** Muted until then means: for good. */
const FOREVER = BigInt(Number.MAX_SAFE_INTEGER);

type Setting = keyof Omit<StoredSettings, '$typeName' | '$unknown'>;
const settings: readonly Setting[] = ['archived', 'pinned', 'markedUnread', 'mute', 'draft'];

/** How an account keeps a conversation, as applications see it. */
export function viewSettings({ settings: stored }: StoredConversation, now: number): ConversationSettings {
  const until = stored?.mute?.until ?? 0n;
  const draft = stored?.draft;
  return {
    archived: stored?.archived?.on ?? false,
    pinned: stored?.pinned?.on ?? false,
    markedUnread: stored?.markedUnread?.on ?? false,
    mutedUntil: until === FOREVER ? 'forever' : until > BigInt(now) ? Number(until) : null,
    draft:
      draft === undefined || draft.body === ''
        ? null
        : { text: draft.body, replyTo: draft.replyTo.length === 0 ? null : messageRef(draft.replyTo) },
  };
}

export function isMuted(row: StoredConversation, now: number): boolean {
  return viewSettings(row, now).mutedUntil !== null;
}

/** Changes settings here; own other devices follow. Throws `invalid_argument`. */
export function changeSettings(row: StoredConversation, change: ConversationChange, now: number): void {
  const { archived, pinned, markedUnread, mutedUntil, draft } = change;
  const stored = settingsOf(row);
  if (archived !== undefined) stored.archived = switched(stored.archived, archived, now);
  if (pinned !== undefined) stored.pinned = switched(stored.pinned, pinned, now);
  if (markedUnread !== undefined) stored.markedUnread = switched(stored.markedUnread, markedUnread, now);
  if (mutedUntil !== undefined) {
    const setAt = stamp(stored.mute, now);
    stored.mute = { $typeName: 'sotto.wire.v1.Mute', until: muteEnd(mutedUntil), setAt };
  }
  if (draft !== undefined) {
    if (draft !== null && utf8Length(draft.text) > MAX_TEXT_BYTES) {
      throw new MessengerError('invalid_argument', `a draft has at most ${MAX_TEXT_BYTES} bytes of UTF-8`);
    }
    stored.draft = {
      $typeName: 'sotto.wire.v1.Draft',
      body: draft?.text ?? '',
      replyTo: draft?.replyTo === undefined || draft.replyTo === null ? new Uint8Array(0) : messageOf(draft.replyTo),
      setAt: stamp(stored.draft, now),
    };
  }
  row.settingsDue = true;
}

/** A new message brings a conversation back, unless it is quiet. Each own device sees that for itself. True: it did. */
export function unarchive(row: StoredConversation, now: number): boolean {
  if (row.settings?.archived?.on !== true || isMuted(row, now)) return false;
  row.settings.archived = switched(row.settings.archived, false, now);
  return true;
}

/** Another own device tells: of each setting the later one stays. True: something changed. */
export function followSettings(row: StoredConversation, told: StoredSettings): boolean {
  const stored = settingsOf(row);
  const before = settings.map((name) => stored[name]);
  stored.archived = later(stored.archived, told.archived);
  stored.pinned = later(stored.pinned, told.pinned);
  stored.markedUnread = later(stored.markedUnread, told.markedUnread);
  stored.mute = later(stored.mute, told.mute);
  stored.draft = later(stored.draft, told.draft);
  return settings.some((name, i) => stored[name] !== before[i]);
}

function settingsOf(row: StoredConversation): StoredSettings {
  return (row.settings ??= create(ConversationSettingsSchema));
}

function later<T extends { readonly setAt: bigint }>(known: T | undefined, told: T | undefined): T | undefined {
  if (known === undefined || told === undefined) return known ?? told;
  return told.setAt > known.setAt ? told : known;
}

function switched(
  known: StoredSettings['archived'],
  on: boolean,
  now: number,
): NonNullable<StoredSettings['archived']> {
  return { $typeName: 'sotto.wire.v1.Switch', on, setAt: stamp(known, now) };
}

/** Later than the one before, whatever the clock says, so that own devices take it. */
function stamp(known: { readonly setAt: bigint } | undefined, now: number): bigint {
  return known === undefined || BigInt(now) > known.setAt ? BigInt(now) : known.setAt + 1n;
}

function muteEnd(until: number | 'forever' | null): bigint {
  if (until === null) return 0n;
  if (until === 'forever') return FOREVER;
  if (!Number.isSafeInteger(until) || until < 0) {
    throw new MessengerError('invalid_argument', 'a conversation is muted until a time in milliseconds');
  }
  return BigInt(until);
}
