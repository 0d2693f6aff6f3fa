import { create } from '@bufbuild/protobuf';
import { accountId, SyncStateSchema } from '@sotto/wire';
import type { SyncState } from '@sotto/wire';
import { StoredOutbound_Audience, StoredOutbound_Until } from '@sotto/wire/stored';
import type { StoredContact } from '@sotto/wire/stored';
import type { DeviceId } from '@sotto/wire';
import type { Chains } from '../chains/chains.ts';
import { composeControl } from '../conversations/compose.ts';
import { conversationRow } from '../conversations/rows.ts';
import { conversationWith } from '../core/core.ts';
import type { Core } from '../core/core.ts';
import { enqueue } from '../outbox/rows.ts';
import type { Tx } from '../store/ledger.ts';

/** Everything about a contact that own devices share. */
function syncOf(tx: Tx, core: Core, chains: Chains, row: StoredContact): SyncState {
  const account = accountId(row.account);
  const conversation = conversationRow(tx.write, conversationWith(core, account), account);
  const view = chains.view(row);
  return create(SyncStateSchema, {
    contact: row.account,
    ...(row.profile === undefined ? {} : { profile: row.profile }),
    ...(row.addresses === undefined ? {} : { addresses: row.addresses }),
    ...(row.decision === undefined ? {} : { decision: row.decision }),
    ...(row.granted === undefined ? {} : { granted: row.granted }),
    accountName: row.accountName,
    gateway: row.gateway,
    ends: conversation.ends,
    ...(view === null
      ? {}
      : {
          contactHead: {
            account: row.account,
            sequence: BigInt(view.head.sequence),
            hash: view.head.hash,
            seenAt: row.chainCheckedAt,
          },
        }),
  });
}

/** Tells own other devices how the account stands with a contact; `device`: only that one. */
export function syncContact(tx: Tx, core: Core, chains: Chains, row: StoredContact, device?: DeviceId): void {
  if (core.own.otherDevices().length === 0) return;
  const value = syncOf(tx, core, chains, row);
  const { id, bytes } = composeControl(core, conversationWith(core, core.self.account), { kind: 'syncState', value });
  enqueue(tx, core, {
    id,
    bytes,
    conversation: null,
    recipient: null,
    audience: device === undefined ? StoredOutbound_Audience.OWN : StoredOutbound_Audience.DEVICE,
    ...(device === undefined ? {} : { device }),
    until: StoredOutbound_Until.DELIVERED,
    urgent: false,
  });
}
