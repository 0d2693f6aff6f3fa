import type { Contact } from './contacts/types.ts';
import type { GroupInvitation } from './groups/types.ts';

/** How a messenger behaves. Everything has a default (`defaultSettings`). Times in milliseconds. */
export interface Settings {
  /** Whether a contact request is accepted without asking a person. For agents. Default false. */
  readonly autoAccept: boolean | ((request: Contact) => boolean);
  /** Tell senders that their messages were seen. Own devices are told in any case. Default true. */
  readonly readReceipts: boolean;
  /** How long an undelivered message is kept and tried. Default 7 days; a gateway keeps no longer either. */
  readonly messageLifetimeMs: number;
  /** No delivery receipt this long after acceptance: heal the session and send again. Default 24 hours. */
  readonly healAfterMs: number;
  /** The same, once the device was heard from after the message had been accepted. Default 10 minutes. */
  readonly healAfterSeenMs: number;
  /** At most one session reset per device in this time. Default 1 hour. */
  readonly sessionResetMs: number;
  /** How long a message waits for an earlier one before it is shown after a gap. Default 3 seconds. */
  readonly holdBackMs: number;
  /** How long after writing it an own text can be changed. Default: for good (`Infinity`). */
  readonly editWindowMs: number;
  /** Changed settings of conversations and drafts are told to own devices this long after the change. Default 2 s. */
  readonly settingsDelayMs: number;
  /** Something that could not be opened is asked for again this long after it came. Default 1 s. */
  readonly askDelayMs: number;
  /** Envelopes and messages that one device is asked for in an hour. Default 60. */
  readonly asksPerHour: number;
  /** Envelopes and messages about which one device gets an answer in an hour. Default 60. */
  readonly answersPerHour: number;
  /**
   * What one of several own devices does for all (telling contacts of a new one, telling a new one of contacts), the most
   * senior does at once, and each further one after this time more, if nobody has by then. Default 15 seconds.
   */
  readonly turnMs: number;
  /** Delivery receipts wait a random time in this range, and leave together. Default 20 to 200. */
  readonly receiptDelayMs: readonly [least: number, most: number];
  /** The same in groups, whose members all read each receipt. Default 0.5 to 3 seconds. */
  readonly groupReceiptDelayMs: readonly [least: number, most: number];
  /** Whether an invitation to a group is accepted without asking a person; it comes from a contact. For agents. Default false. */
  readonly autoAcceptGroups: boolean | ((invitation: GroupInvitation) => boolean);
  /** What a member waits, times its rank, before it does what any member could do. Default 3 seconds. */
  readonly groupRankMs: number;
  /** At most one resync of a group by itself in this time. Default 1 hour. */
  readonly groupResyncMs: number;
  /** Waiting time before the first retry; doubles with each, with jitter. Default 1 second. */
  readonly retryBaseMs: number;
  /** Longest waiting time between retries. Default 5 minutes. */
  readonly retryMostMs: number;
  /** Envelopes in work at once, in each direction. Default 16. */
  readonly inFlight: number;
  /** Bytes of the largest attachment that is sent. Default 4 GiB; gateways may take less. */
  readonly attachmentBytes: number;
  /** Bytes up to which a received attachment stays here, sealed, after it was saved elsewhere. Default 64 MiB. */
  readonly keepAttachmentBytes: number;
}

const hour = 3_600_000;

export const defaultSettings: Settings = {
  autoAccept: false,
  readReceipts: true,
  messageLifetimeMs: 7 * 24 * hour,
  healAfterMs: 24 * hour,
  healAfterSeenMs: hour / 6,
  sessionResetMs: hour,
  holdBackMs: 3000,
  editWindowMs: Infinity,
  settingsDelayMs: 2000,
  askDelayMs: 1000,
  asksPerHour: 60,
  answersPerHour: 60,
  turnMs: 15_000,
  receiptDelayMs: [20, 200],
  groupReceiptDelayMs: [500, 3000],
  autoAcceptGroups: false,
  groupRankMs: 3000,
  groupResyncMs: hour,
  retryBaseMs: 1000,
  retryMostMs: hour / 12,
  inFlight: 16,
  attachmentBytes: 4 * 2 ** 30,
  keepAttachmentBytes: 64 * 2 ** 20,
};
