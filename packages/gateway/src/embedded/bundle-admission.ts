import { Refusal } from '@sotto/wire';
import type { Admission, DeviceRef } from '../ports/types.ts';
import { Refused } from '../refused.ts';
import type { Capability, MailboxState } from './mailbox-state.ts';
import type { TokenPurpose, TokenUses } from './token-uses.ts';

/** What an admission was asked for. */
export interface AdmissionRequest {
  readonly account: Uint8Array;
  /** Null: there is no such device. */
  readonly ref: DeviceRef | null;
  readonly admission: Admission;
  readonly purpose: TokenPurpose;
}

/**
 * Whether an admission opens a device's keys: its capability, or null for a request token that was not used for this.
 * Throws `Refused` `UNAUTHENTICATED`, `QUOTA`, `CAPABILITY`.
 */
export function admitToKeys(
  { state, tokenUses }: { readonly state: MailboxState; readonly tokenUses: TokenUses },
  { account, ref, admission, purpose }: AdmissionRequest,
): Capability | null {
  if (admission.kind === 'request-token') {
    if (Buffer.compare(admission.account, account) !== 0) {
      throw new Refused(Refusal.UNAUTHENTICATED, 'the token is for another account');
    }
    if (ref !== null && tokenUses.used(purpose, admission.id, ref.no, admission.expiresAt)) {
      throw new Refused(Refusal.QUOTA, 'the token was used for this device');
    }
    return null;
  }
  const capability = state.capability(admission.hash);
  if (capability === undefined || capability.deviceNo !== ref?.no) {
    throw new Refused(Refusal.CAPABILITY, 'no capability for this device');
  }
  return capability;
}
