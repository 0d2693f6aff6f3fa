import { WireError } from './error.ts';
import { parseGatewayAddress } from './gateway-address.ts';
import type {
  Carried,
  GroupInvitation,
  GroupResyncInfo,
  HistoryPoint,
  LogAddress,
  LogAdmission,
} from './gen/sotto/wire/v1/group_pb.ts';
import { accountId, messageId } from './ids.ts';
import { MAX_CARRIED_BYTES, MAX_GROUP_NAME_CHARACTERS, MAX_HEIGHT } from './limits.ts';
import { safeNumber, safeTime } from './numbers.ts';
import { checkCharacters } from './text.ts';

const KEY_BYTES = 32;
const SIGNATURE_BYTES = 64;
const NONCE_BYTES = 16;
/** A serialised pointer to a blob. */
const MAX_POINTER_BYTES = 1024;

/** Throws `WireError`: `too_large`, `length`, `range`, `text`, `malformed`. */
export function checkGroupInvitation(invitation: GroupInvitation): void {
  checkCharacters(invitation.name, MAX_GROUP_NAME_CHARACTERS);
  checkLog(invitation.log);
  checkCarried(invitation.welcome);
  checkCarried(invitation.tree);
  if (invitation.accounts !== undefined) checkCarried(invitation.accounts);
  safeNumber(invitation.position);
  accountId(invitation.inviter);
  checkHistoryPoint(invitation.history);
}

/** Throws as `checkGroupInvitation`. */
export function checkGroupResyncInfo(info: GroupResyncInfo): void {
  requireLength(info.request, NONCE_BYTES);
  checkLog(info.log);
  checkCarried(info.groupInfo);
  if (info.accounts !== undefined) checkCarried(info.accounts);
  requireLength(info.externalKey, KEY_BYTES);
  checkAdmission(info.admission);
  safeNumber(info.position);
  checkHistoryPoint(info.history);
}

/** A nonce that names a request, or a link's secret: 16 bytes. Throws `length`. */
export function checkGroupNonce(nonce: Uint8Array): void {
  requireLength(nonce, NONCE_BYTES);
}

function checkLog(log: LogAddress | undefined): void {
  if (log === undefined) throw new WireError('malformed', 'a group without a log');
  parseGatewayAddress(log.gateway);
  requireLength(log.log, KEY_BYTES);
}

function checkCarried(carried: Carried | undefined): void {
  if (carried === undefined || (carried.inline.length === 0) === (carried.blob.length === 0)) {
    throw new WireError('malformed', 'bytes are carried in a content or in a blob');
  }
  if (carried.inline.length > MAX_CARRIED_BYTES || carried.blob.length > MAX_POINTER_BYTES) {
    throw new WireError('too_large', 'more is carried than fits');
  }
}

function checkAdmission(admission: LogAdmission | undefined): void {
  if (admission === undefined) throw new WireError('malformed', 'no admission');
  requireLength(admission.log, KEY_BYTES);
  requireLength(admission.epochKey, KEY_BYTES);
  requireLength(admission.nonce, NONCE_BYTES);
  requireLength(admission.signature, SIGNATURE_BYTES);
  safeTime(admission.expiresAt);
}

function checkHistoryPoint(point: HistoryPoint | undefined): void {
  if (point === undefined || point.message.length === 0) return;
  messageId(point.message);
  if (point.height === 0n || point.height > MAX_HEIGHT) throw new WireError('range', 'a height out of range');
}

function requireLength(bytes: Uint8Array, length: number): void {
  if (bytes.length !== length) throw new WireError('length', `${length} bytes are expected`);
}
