import { idHex } from '@sotto/wire';

/** When a sender key is due to be replaced however little happens. */
export interface SenderKeyPolicy {
  /** ms */
  readonly maxAge: number;
  /** messages */
  readonly maxMessages: number;
}

/** A week, as for signed prekeys; and 10,000 messages, far from anything that a key could wear out by. */
export const senderKeyPolicy: SenderKeyPolicy = { maxAge: 7 * 24 * 3_600_000, maxMessages: 10_000 };

export type RotationReason = 'device-revoked' | 'member-removed' | 'age' | 'count';

export interface RotationFacts {
  /** DeviceIds that were given the key. */
  readonly holders: readonly Uint8Array[];
  /** DeviceIds that may read now. */
  readonly members: readonly Uint8Array[];
  /** DeviceIds known to be revoked, whether or not the roster says so yet. */
  readonly revoked: readonly Uint8Array[];
  /** Unix ms */
  readonly createdAt: number;
  /** Messages sent with the key. */
  readonly sent: number;
  /** Unix ms */
  readonly now: number;
  readonly policy: SenderKeyPolicy;
}

/**
 * Why a new sender key must be made before the next message, the gravest reason first; null when the present one is
 * good. A new member is no reason: they are given the key as it stands, which reads nothing older.
 */
export function rotationDue(facts: RotationFacts): RotationReason | null {
  const { holders, createdAt, sent, now, policy } = facts;
  const members = new Set(facts.members.map(idHex));
  const revoked = new Set(facts.revoked.map(idHex));
  if (holders.some((device) => revoked.has(idHex(device)))) return 'device-revoked';
  if (holders.some((device) => !members.has(idHex(device)))) return 'member-removed';
  // A clock that went back must not keep a key alive for ever.
  if (Math.abs(now - createdAt) >= policy.maxAge) return 'age';
  if (sent >= policy.maxMessages) return 'count';
  return null;
}
