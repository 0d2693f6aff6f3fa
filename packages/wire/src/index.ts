export * from './gen/sotto/gateway/v1/gateway_pb.ts';
export * from './gen/sotto/identity/v1/identity_pb.ts';
export * from './gen/sotto/session/v1/prekeys_pb.ts';
export * from './gen/sotto/session/v1/session_pb.ts';
// The strict codecs below take the place of these generated names; explicit exports win over `export *`.
export * from './gen/sotto/wire/v1/content_pb.ts';
export * from './gen/sotto/wire/v1/group_pb.ts';
export { Suite } from './gen/sotto/wire/v1/envelope_pb.ts';

export { accountName } from './account-name.ts';
export type { AccountName } from './account-name.ts';
export { isContentType } from './attachment.ts';
export { fromBase32, toBase32 } from './base32.ts';
export { asciiBytes, compareBytes, concatBytes, equalBytes } from './bytes.ts';
export { readChainHead, writeChainHead } from './chain-head.ts';
export type { ChainHead } from './chain-head.ts';
export { formatContactLink, parseContactLink } from './contact-link.ts';
export type { ContactLink } from './contact-link.ts';
export { decodeContent, encodeContent } from './content.ts';
export type { ConversationTimer } from './conversation-timer.ts';
export type { Content, ContentBody, ContentDraft, ContentKind } from './content.ts';
export { directConversationId, envelopeIdOf, messageIdOf } from './derived-ids.ts';
export type { Sha256 } from './derived-ids.ts';
export { decodeEnvelope, encodeEnvelope, encodeEnvelopeHeader, EXPIRY_STEP_SECONDS, roundExpiry } from './envelope.ts';
export type { Envelope, EnvelopeFields, EnvelopeUrgency } from './envelope.ts';
export { WireError } from './error.ts';
export type { WireErrorCode } from './error.ts';
export { formatGatewayAddress, parseGatewayAddress } from './gateway-address.ts';
export type { GatewayAddress } from './gateway-address.ts';
export { blobIdOf, blobOwnerOf, capabilityHashOf, LOGIN_EXPORTER_LABEL, loginMessage } from './gateway-auth.ts';
export type { LoginFacts } from './gateway-auth.ts';
export { formatHost, hostName, parseHost } from './host.ts';
export type { Host } from './host.ts';
export { decodeGroupPolicy, encodeGroupPolicy, GROUP_POLICY_EXTENSION } from './group-policy.ts';
export type { GroupPermissionName, GroupRank, GroupRules } from './group-policy.ts';
export { decodeCommitInfo, decodeLogContent, encodeCommitInfo, encodeLogContent } from './log-content.ts';
export type { LogContent, RevocationHead } from './log-content.ts';
export { decodeMemberCredential, encodeMemberCredential } from './member-credential.ts';
export {
  accountId,
  conversationId,
  deviceId,
  envelopeId,
  ID_BYTES,
  idFromHex,
  idFromText,
  idHex,
  idText,
  mailboxId,
  messageId,
  logEntryId,
  logId,
  statementHash,
} from './ids.ts';
export type {
  AccountId,
  ConversationId,
  DeviceId,
  EnvelopeId,
  Id,
  IdKind,
  LogEntryId,
  LogId,
  MailboxId,
  MessageId,
  StatementHash,
} from './ids.ts';
export {
  MAX_ADDRESSES,
  MAX_ATTACHMENT_BYTES,
  MAX_ATTACHMENTS,
  MAX_CARRIED_BYTES,
  MAX_CONTENT_BYTES,
  MAX_CONTENT_TYPE_CHARACTERS,
  MAX_CONVERSATION_ENDS,
  MAX_EMOJI_BYTES,
  MAX_ENVELOPE_BYTES,
  MAX_FILE_NAME_BYTES,
  MAX_GATEWAY_ADDRESS_CHARACTERS,
  MAX_GREETING_CHARACTERS,
  MAX_GROUP_DESCRIPTION_CHARACTERS,
  MAX_GROUP_NAME_CHARACTERS,
  MAX_GROUP_ROLES,
  MAX_HEIGHT,
  MAX_KEY_PACKAGE_BYTES,
  MAX_LOG_ENTRY_BYTES,
  MAX_MENTIONS,
  MAX_NAME_CHARACTERS,
  MAX_PARENTS,
  MAX_PIXELS,
  MAX_RECEIPT_MESSAGES,
  MAX_RETRIES,
  MAX_SIGNATURES,
  MAX_SIGNED_BYTES,
  MAX_TEXT_BYTES,
  MAX_TIMER_SECONDS,
  MAX_THUMBNAIL_BYTES,
  MAX_WAVEFORM_BYTES,
} from './limits.ts';
export { logAdmissionMessage, MAX_ADMISSION_EXPIRY, readLogAdmission, writeLogAdmission } from './log-admission.ts';
export type { LogAdmission } from './log-admission.ts';
export {
  decodeLogEntry,
  encodeLogEntry,
  encodeLogEntryHeader,
  LOG_ENTRY_VERSION,
  LOG_SEAL_BYTES,
  LOG_SEALED_BUCKETS,
  logEntryIdOf,
  logEntryMessage,
  padLogContent,
} from './log-entry.ts';
export type { LogEntry, LogEntryFields } from './log-entry.ts';
export { decodeLogPost, encodeLogPost, readLogPost } from './log-post.ts';
export type { LogPost, LogProof } from './log-post.ts';
export type { MemberCredential } from './member-credential.ts';
export { safeNumber, safeTime } from './numbers.ts';
export { isBucket, pad, paddedLength, SEALED_BUCKETS, unpad } from './padding.ts';
export { parseSigned, signBytes, verifySigned } from './signed.ts';
export type { SignatureLabel, SignedBytes, Signer, Verify } from './signed.ts';
export {
  CONTENT_VERSION,
  ENVELOPE_VERSION,
  greaseValues,
  isGrease,
  requireVersion,
  SUITE_PQXDH,
  SUITE_X3DH,
  suiteId,
  suiteSatisfies,
} from './suites.ts';
export type { SuiteId } from './suites.ts';
export { StrictReader, varintLength, writeVarint } from './varint.ts';
export { checkCharacters, checkText, utf8Length } from './text.ts';
