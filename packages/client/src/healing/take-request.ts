import { create } from '@bufbuild/protobuf';
import { equalBytes, idHex } from '@sotto/wire';
import type { FoundEnvelope, RetryRequest } from '@sotto/wire';
import { StoredSentToSchema } from '@sotto/wire/stored';
import type { Opened, Taken } from '../inbox/opened.ts';
import { peerDevice, putPeerDevice } from '../sessions/rows.ts';
import { deviceRef, messageRef } from '../store/refs.ts';
import { messages } from '../store/tables.ts';
import { noteDown } from '../trail/store.ts';
import { judgeAsked } from './answering.ts';
import type { Verdict } from './answering.ts';
import { freshBudget, spend } from './budget.ts';
import { give } from './give.ts';
import { findByTag, findByMessage } from './sent-log.ts';
import type { SentContent } from './sent-log.ts';
import { tellDevice } from './tell-device.ts';

/**
 * A device asks for what it could not open, or never got. It is given only what was meant for this very device when it
 * was sent, and is neither deleted nor over; of everything else it hears the same, so that it learns nothing by asking.
 */
export function takeRetryRequest(opened: Opened, request: RetryRequest): Taken {
  const { tx, core } = opened;
  const asked = [
    ...request.envelopes.map(({ envelope, tag }) => ({ kind: 'envelope', id: envelope, tag }) as const),
    ...request.messages.map((id) => ({ kind: 'message', id }) as const),
  ];
  const granted = ration(opened, asked.length);
  const found: Omit<FoundEnvelope, '$typeName'>[] = [];
  const unavailable: Uint8Array[] = [];
  const again: (() => void)[] = [];
  for (const each of asked.slice(0, granted)) {
    const { kind, id } = each;
    const content =
      kind === 'envelope' ? findByTag(tx.write, opened.device, each.tag) : findAsked(opened, messageRef(id));
    const verdict = judge(opened, content);
    if (content === null || verdict === 'never') {
      unavailable.push(id);
      continue;
    }
    if (kind === 'envelope') found.push({ envelope: id, message: content.id, quiet: content.control });
    if (verdict === 'again') again.push(() => give(opened, content));
    else noteIfShown(opened, content, 'asked-too-often');
  }
  if (found.length + unavailable.length > 0) {
    const { account, device } = opened;
    tellDevice(tx, core, { account, device, body: { kind: 'retryAnswer', value: { found, unavailable } } });
  }
  // After the answer, which says what they are.
  for (const task of again) task();
  return 'no-receipt';
}

/** How many of so many questions this device gets answered now. */
function ration({ tx, core, account, device }: Opened, wanted: number): number {
  const peer = peerDevice(tx.write, account, device);
  const known = peer.answers === undefined ? freshBudget : { ...peer.answers, since: Number(peer.answers.since) };
  const { granted, budget } = spend(known, wanted, { most: core.settings.answersPerHour, now: core.clock.now() });
  peer.answers = { $typeName: 'sotto.client.v1.StoredBudget', since: BigInt(budget.since), used: budget.used };
  putPeerDevice(tx, peer);
  return granted;
}

/** A message asked for by its id. Own devices may ask for every message that came after they did. */
function findAsked(opened: Opened, message: ReturnType<typeof messageRef>): SentContent | null {
  const { tx, core, contact, device, account } = opened;
  const sent = findByMessage(tx.write, message);
  if (contact !== null || (sent !== null && isFor(sent, opened))) return sent;
  const row = messages.get(tx.write, message);
  const since = core.own.view.devices.get(idHex(device))?.certificate.createdAt ?? Infinity;
  if (row === null || Number(row.storedAt) < since || row.gone || row.deleted || row.content.length === 0) return sent;
  return {
    id: row.id,
    recipient: null,
    control: false,
    bytes: row.content,
    devices: [create(StoredSentToSchema, { account, device })],
  };
}

function isFor({ devices }: SentContent, { account, device }: Opened): boolean {
  return devices.some((each) => equalBytes(each.device, device) && equalBytes(each.account, account));
}

function judge(opened: Opened, content: SentContent | null): Verdict {
  const { device, account, core } = opened;
  if (content === null) return judgeAsked(null, core.clock.now());
  const to = content.devices.find((each) => equalBytes(each.device, device) && equalBytes(each.account, account));
  const wasRecipient = to !== undefined;
  if (!wasRecipient) noteIfShown(opened, content, 'asked-by-stranger');
  return judgeAsked(
    {
      wasRecipient,
      isKept: content.bytes !== null,
      resent: to?.resent ?? 0,
      resentAt: Number(to?.resentAt ?? 0n),
    },
    core.clock.now(),
  );
}

function noteIfShown(
  { tx, core, device }: Opened,
  { id }: SentContent,
  code: 'asked-too-often' | 'asked-by-stranger',
): void {
  const ref = messageRef(id);
  if (messages.get(tx.write, ref) !== null) noteDown(tx, ref, core.clock.now(), { code, device: deviceRef(device) });
}
