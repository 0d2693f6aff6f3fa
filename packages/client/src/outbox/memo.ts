import { equalBytes } from '@sotto/wire';
import { StoredDelivery_State, StoredOutbound_Until } from '@sotto/wire/stored';
import type { StoredDelivery, StoredOutbound } from '@sotto/wire/stored';
import type { AccountRef, DeviceRef, MessageRef } from '../refs.ts';
import { accountRef, deviceRef, messageRef } from '../store/refs.ts';
import { isPending } from './rows.ts';

/** What scheduling needs to know of a stored delivery, without its content. */
export interface Way {
  readonly message: MessageRef;
  readonly device: DeviceRef;
  readonly account: AccountRef;
  /** Place in the sequence of sending. */
  readonly number: bigint;
  /** To be handed over; else it waits for a receipt or is done. */
  readonly pending: boolean;
  /** Unix ms; null: not accepted, or no receipt is expected. */
  readonly acceptedAt: number | null;
  readonly heals: number;
  readonly session: string;
}

/** What scheduling needs to know of a stored content. */
export interface OutboundMemo {
  readonly message: MessageRef;
  readonly recipient: AccountRef | null;
  /** Unix ms. */
  readonly expiresAt: number;
  readonly number: bigint;
}

export function memoOf(row: StoredOutbound): OutboundMemo {
  return {
    message: messageRef(row.id),
    recipient: row.recipient.length === 0 ? null : accountRef(row.recipient),
    expiresAt: Number(row.expiresAt),
    number: row.number,
  };
}

export function wayOf(outbound: StoredOutbound, row: StoredDelivery): Way {
  const receipted = outbound.until === StoredOutbound_Until.DELIVERED;
  const accepted = row.state === StoredDelivery_State.ACCEPTED && receipted && equalBytes(row.message, outbound.id);
  return {
    message: messageRef(row.message),
    device: deviceRef(row.device),
    account: accountRef(row.account),
    number: outbound.number,
    pending: isPending(row),
    acceptedAt: accepted ? Number(row.acceptedAt) : null,
    heals: row.heals,
    session: row.session,
  };
}
