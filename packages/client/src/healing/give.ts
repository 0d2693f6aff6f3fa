import { accountId, conversationId, equalBytes, MAX_CONTENT_BYTES, messageId } from '@sotto/wire';
import { StoredOutbound_Audience, StoredOutbound_Until } from '@sotto/wire/stored';
import type { Opened } from '../inbox/opened.ts';
import { deliveryKey, enqueue, isPending, note, putDelivery, unseal } from '../outbox/rows.ts';
import { deviceRef, messageRef } from '../store/refs.ts';
import { deliveries, messages, outbounds } from '../store/tables.ts';
import { noteDown } from '../trail/store.ts';
import { noteResent } from './sent-log.ts';
import type { SentContent } from './sent-log.ts';
import { tellDevice } from './tell-device.ts';

/** Gives a content once more to the device that asked: the same bytes, under a new message key. */
export function give(opened: Opened, content: SentContent): void {
  const { tx, core, account, device } = opened;
  const { bytes, id } = content;
  if (bytes === null) return;
  const ref = messageRef(id);
  const now = core.clock.now();
  noteResent(tx, ref, device, now);
  const shown = messages.get(tx.write, ref);
  if (shown !== null && !equalBytes(shown.device, core.self.device)) {
    handOn(opened, { author: shown.author, device: shown.device, content: bytes });
    noteDown(tx, ref, now, { code: 'handed-on', device: deviceRef(device) });
    return;
  }
  if (shown !== null) noteDown(tx, ref, now, { code: 'asked-for-again', device: deviceRef(device) });
  if (resume(opened, content, now)) return;
  const own = equalBytes(account, core.self.account);
  enqueue(tx, core, {
    id: messageId(id),
    bytes,
    conversation: shown === null ? null : conversationId(shown.conversation),
    recipient: own ? null : accountId(account),
    audience: StoredOutbound_Audience.DEVICE,
    device,
    until: StoredOutbound_Until.DELIVERED,
    urgent: false,
    afterAcceptance: true,
  });
  if (shown !== null) noteDown(tx, ref, now, { code: 'sent-again', device: deviceRef(device) });
}

/** It is still in the outbox for others, or for this device. True: that is enough. */
function resume({ tx, core, device }: Opened, { id }: SentContent, now: number): boolean {
  const ref = messageRef(id);
  if (outbounds.get(tx.write, ref) === null) return false;
  const way = deliveries.get(tx.write, deliveryKey(ref, deviceRef(device)));
  // Not chosen for it: it goes there once the others are through.
  if (way === null || isPending(way)) return true;
  unseal(way, 'asked-for-again');
  way.resent++;
  way.resentAt = BigInt(now);
  putDelivery(tx, way);
  note(tx, core, ref, 'sent-again', deviceRef(device));
  tx.ring('outbound', ref);
  return true;
}

/** Written by another device: as it is, for the asking one to compare with the id it asked for. */
function handOn(
  { tx, core, account, device }: Opened,
  value: { readonly author: Uint8Array; readonly device: Uint8Array; readonly content: Uint8Array },
): void {
  // Room for the names around it: what is longer than every text cannot be handed on.
  if (value.content.length > MAX_CONTENT_BYTES - HAND_ON_BYTES) return;
  tellDevice(tx, core, { account, device, body: { kind: 'backfill', value } });
}

/** What a content that hands on another one adds to it at most. */
const HAND_ON_BYTES = 512;
