import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import type { VaultReader } from '@sotto/vault';
import { accountId, CarriedSchema, deviceId, equalBytes, MAX_CARRIED_BYTES } from '@sotto/wire';
import type { AccountId, ContentDraft, ConversationId, DeviceId } from '@sotto/wire';
import { StoredOutbound_Audience, StoredOutbound_Until } from '@sotto/wire/stored';
import type { StoredGroup, StoredGroupPost } from '@sotto/wire/stored';
import { composeControl } from '../conversations/compose.ts';
import type { Core } from '../core/core.ts';
import { enqueue } from '../outbox/rows.ts';
import type { Tx } from '../store/ledger.ts';
import type { ConversationRef } from '../refs.ts';
import { accountRef, conversationRef } from '../store/refs.ts';
import type { Acquaintances } from './acquaintances.ts';
import { eachMember, postByEntry, putPost, requireRules } from './rows.ts';
import type { WorkerParts } from './worker-parts.ts';

/** Sends one device of a contact, or of the own account, a content about a group. */
export function tellDevice(
  tx: Tx,
  core: Core,
  to: { readonly account: AccountId; readonly device: DeviceId },
  group: Uint8Array,
  body: ContentDraft['body'],
): void {
  const own = equalBytes(to.account, core.self.account);
  const { id, bytes } = composeControl(core, group as ConversationId, body);
  enqueue(tx, core, {
    id,
    bytes,
    conversation: null,
    recipient: own ? null : to.account,
    audience: StoredOutbound_Audience.DEVICE,
    device: to.device,
    until: StoredOutbound_Until.DELIVERED,
    urgent: true,
  });
}

/** Room for both parts and what stands around them in one content. */
const MOST_INLINE = 60 * 1024;

/** Whether everything that one newcomer gets fits into a content. */
export function fits(...parts: readonly Uint8Array[]): boolean {
  let sum = 0;
  for (const part of parts) {
    if (part.length > MAX_CARRIED_BYTES) return false;
    sum += part.length;
  }
  return sum <= MOST_INLINE;
}

function bookOf(read: VaultReader, acquaintances: Acquaintances, group: ConversationRef): Uint8Array {
  return acquaintances.book(
    read,
    [...eachMember(read, group)].map((member) => accountId(member.account)),
  );
}

/** Brings what newcomers will get and what is too large for a content to where they can fetch it. */
export async function carryLarge(
  parts: WorkerParts,
  ref: ConversationRef,
  post: StoredGroupPost,
  signal: AbortSignal,
): Promise<void> {
  const { core, acquaintances, blobs } = parts;
  if (post.welcomes.length === 0 || post.carriedTree.length > 0) return;
  const accounts = core.ledger.read((read) => {
    const members = [...eachMember(read, ref)].map((member) => accountId(member.account));
    const added = post.welcomes.map(({ account }) => accountId(account));
    const all = new Map([...members, ...added].map((account) => [accountRef(account), account]));
    return acquaintances.book(read, all.values());
  });
  const [welcome] = post.welcomes.map((each) => each.welcome).toSorted((a, b) => b.length - a.length);
  if (welcome === undefined || fits(welcome, post.tree, accounts)) return;
  const tree = create(CarriedSchema, await blobs.carry(post.tree, fits(welcome, post.tree), signal));
  const book = create(CarriedSchema, await blobs.carry(accounts, false, signal));
  core.ledger.commit((tx) => {
    const row = postByEntry(tx.write, post.entry);
    if (row === null) return;
    row.carriedTree = toBinary(CarriedSchema, tree);
    row.carriedAccounts = toBinary(CarriedSchema, book);
    if (tree.blob.length > 0) row.tree = new Uint8Array(0);
    putPost(tx, row);
  });
}

/** Lets invitations leave: the commit that adds these devices counts, at `position` of the log. */
export function sendInvitations(
  tx: Tx,
  core: Core,
  acquaintances: Acquaintances,
  group: StoredGroup,
  post: StoredGroupPost,
  position: number,
): void {
  if (post.welcomes.length === 0) return;
  const rules = requireRules(group);
  const ref = conversationRef(group.id);
  const book = post.carriedAccounts.length > 0 ? null : bookOf(tx.write, acquaintances, ref);
  for (const { account, device, welcome } of post.welcomes) {
    const tree = post.carriedTree.length > 0 ? fromBinary(CarriedSchema, post.carriedTree) : { inline: post.tree };
    // Without a book, chains are fetched from the gateways that have them.
    const accounts =
      book === null
        ? { accounts: fromBinary(CarriedSchema, post.carriedAccounts) }
        : fits(welcome, post.tree, book)
          ? { accounts: { inline: book } }
          : {};
    tellDevice(tx, core, { account: accountId(account), device: deviceId(device) }, group.id, {
      kind: 'groupInvitation',
      value: {
        name: rules.name,
        log: { gateway: rules.log.gateway, log: rules.log.id },
        welcome: { inline: welcome },
        tree,
        position: BigInt(position),
        inviter: core.self.account,
        members: group.accounts,
        ...(group.history === undefined ? {} : { history: group.history }),
        ...accounts,
      },
    });
  }
}
