import { equalBytes } from '@sotto/wire';
import type { AccountId, ContentDraft, DeviceId } from '@sotto/wire';
import { StoredOutbound_Audience, StoredOutbound_Until } from '@sotto/wire/stored';
import { composeControl } from '../conversations/compose.ts';
import { conversationWith } from '../core/core.ts';
import type { Core } from '../core/core.ts';
import { enqueue } from '../outbox/rows.ts';
import type { Tx } from '../store/ledger.ts';

export interface Telling {
  readonly account: AccountId;
  readonly device: DeviceId;
  readonly body: ContentDraft['body'];
}

/** Sends a content that nobody sees to one device, of a contact or of the own account. */
export function tellDevice(tx: Tx, core: Core, { account, device, body }: Telling): void {
  const { id, bytes } = composeControl(core, conversationWith(core, account), body);
  enqueue(tx, core, {
    id,
    bytes,
    conversation: null,
    recipient: equalBytes(account, core.self.account) ? null : account,
    audience: StoredOutbound_Audience.DEVICE,
    device,
    // An answer says more than a receipt; without one it is asked again.
    until: StoredOutbound_Until.ACCEPTED,
    urgent: false,
  });
}
