import {
  StoredAccountSchema,
  StoredAcquaintanceSchema,
  StoredContactSchema,
  StoredConversationSchema,
  StoredCountdownSchema,
  StoredDeliverySchema,
  StoredFileSchema,
  StoredGroupIntentSchema,
  StoredGroupJoinRequestSchema,
  StoredGroupMemberSchema,
  StoredGroupOfferSchema,
  StoredGroupPostSchema,
  StoredGroupReceiptsSchema,
  StoredGroupSchema,
  StoredKeyPackageStockSchema,
  StoredIncidentSchema,
  StoredMarkSchema,
  StoredMessageSchema,
  StoredOutboundSchema,
  StoredOwnDeviceSchema,
  StoredParkedSchema,
  StoredPeerDeviceSchema,
  StoredReceiptSchema,
  StoredSentSchema,
  StoredWantedSchema,
  StoredReceiptsSchema,
  StoredTrailSchema,
  StoredWitnessSchema,
} from '@sotto/wire/stored';
import { table } from './table.ts';

/** The one row of tables that have one. */
export const SELF = 'self';

const state = (name: string) => ({ name, purpose: 'state', version: 1 }) as const;
const history = (name: string) => ({ name, purpose: 'history', version: 1 }) as const;

// Keys are refs (refs.ts) unless said otherwise.

/** Key: SELF. */
export const accounts = table(state('account'), StoredAccountSchema);
/** Key: SELF. */
export const witnesses = table(state('witness'), StoredWitnessSchema);
/** Key: kind (incidents.ts). */
export const incidents = table(state('incidents'), StoredIncidentSchema);
/** Key: device. */
export const ownDevices = table(state('own-devices'), StoredOwnDeviceSchema);
/** Key: account. */
export const contacts = table(state('contacts'), StoredContactSchema);
/** Key: device, of a contact or of the own account. */
export const peerDevices = table(state('peer-devices'), StoredPeerDeviceSchema);
/** Key: conversation. Lookup: `settings-due`. */
export const conversations = table(state('conversations'), StoredConversationSchema);
/**
 * Key: message. Order: one partition a conversation, for what has a line of its own. Lookups: `unread` and `held` by
 * conversation, `target` (annotations) by message, `counter` by `counterKey`, `pinned` by
 * conversation.
 */
export const messages = table(history('messages'), StoredMessageSchema);
/** Key: message. Order: partition `due`, by the time when it disappears (store/countdowns.ts). */
export const countdowns = table(history('countdowns'), StoredCountdownSchema);
/** What members have said about an own message. Key: `message/account`. Lookup: `message`. */
export const receipts = table(history('receipts'), StoredReceiptSchema);
/** Key: message, or envelope id of what could not be opened. */
export const trails = table(history('trails'), StoredTrailSchema);
/** Key: message. */
export const outbounds = table(history('outbound'), StoredOutboundSchema);
/** Key: `message/device`. */
export const deliveries = table(history('deliveries'), StoredDeliverySchema);
/** Key: message. Lookup: `tag` by `device/tag`. Order: partition `sent`, by time (healing/sent-log.ts). */
export const sentLog = table(history('sent'), StoredSentSchema);
/**
 * Key: envelope id or message. Lookup: `message` (of envelopes) by the message that it held. Order:
 * one partition a device, by time.
 */
export const wanteds = table(history('wanted'), StoredWantedSchema);
/** Key: envelope id. Lookup: `until` by the day (since 1970) after which it can go. */
export const marks = table(state('marks'), StoredMarkSchema);
/** Key: envelope id. Order: partition `parked`, by arrival. */
export const parked = table(history('parked'), StoredParkedSchema);
/** Key: account. */
export const dueReceipts = table(state('due-receipts'), StoredReceiptsSchema);
/** Key: `message/index`. Lookups: `message`, `work` (`yes`: something is to be done for it). */
export const files = table(history('files'), StoredFileSchema);
/** Key: conversation. */
export const groups = table(state('groups'), StoredGroupSchema);
/** Key: `group/account`. Order: one partition a group, by the least leaf. Lookup: `account`. */
export const groupMembers = table(state('group-members'), StoredGroupMemberSchema);
/** Key: `group/number`, so in order. Lookup: `group`. */
export const groupIntents = table(state('group-intents'), StoredGroupIntentSchema);
/** Key: `group/number`. Order: one partition a group, until the log has it. Lookups: `group`, `decides` (commits and proposals, by group), `message`, `entry` (entry id). */
export const groupPosts = table(history('group-posts'), StoredGroupPostSchema);
/** Key: `group/account`. */
export const groupJoinRequests = table(state('group-join-requests'), StoredGroupJoinRequestSchema);
/** Key: group. */
export const groupReceipts = table(state('group-receipts'), StoredGroupReceiptsSchema);
/** Key: account. */
export const acquaintances = table(state('acquaintances'), StoredAcquaintanceSchema);
/** Key: SELF. */
export const keyPackageStock = table(state('key-packages'), StoredKeyPackageStockSchema);
/** Key: `group/device`. Lookup: `group`. */
export const groupOffers = table(state('group-offers'), StoredGroupOfferSchema);
