export { Agent } from './agent/agent.ts';
export type { AgentMessage, AgentOptions, Answer } from './agent/types.ts';
export type {
  AttachmentHandle,
  AttachmentInfo,
  AttachmentKind,
  AttachmentProgress,
  AttachmentState,
  DownloadOptions,
  OutgoingAttachment,
  SavedAttachment,
  TransferOptions,
} from './attachments/types.ts';
export { folderFiles } from './attachments/folder-files.ts';
export type { FileSink, SealedFiles } from './attachments/files.ts';
export type { ConnectionState, Device, Profile, Self } from './account/types.ts';
export type { Contact, ContactLinkInfo, ContactState, IdentityChange, SafetyNumber } from './contacts/types.ts';
export type {
  Conversation,
  ConversationChange,
  ConversationSettings,
  Draft,
  HistoryCursor,
  HistoryEntry,
  HistoryPage,
  Message,
  MemberDelivery,
  Mention,
  MessageBody,
  MessageState,
  Placeholder,
  Outgoing,
  Reaction,
  SearchResult,
} from './conversations/types.ts';
export type {
  DiagnosedConversation,
  DiagnosedDevice,
  DiagnosedMessage,
  DiagnosedProblem,
  DiagnosedWanted,
  Diagnostics,
  DiagnosticsOptions,
} from './diagnostics/types.ts';
export { MessengerError } from './error.ts';
export type { MessengerErrorCode } from './error.ts';
export { explainGroupReason } from './groups/reasons.ts';
export type { GroupReason } from './groups/reasons.ts';
export type {
  CreateGroupOptions,
  Group,
  GroupChange,
  GroupChangeRef,
  GroupEdit,
  GroupInvitation,
  GroupJoinRequest,
  GroupLinkOptions,
  GroupLinkState,
  GroupMember,
  GroupMemberCursor,
  GroupMemberOptions,
  GroupMemberPage,
  GroupNotice,
  GroupNoticeChange,
  GroupPermission,
  GroupPermissions,
  GroupRole,
  Groups,
  GroupState,
  PendingGroupChange,
} from './groups/types.ts';
export type {
  EventSource,
  MessengerEvent,
  MessengerEventName,
  MessengerEvents,
  NextOptions,
  StreamOptions,
} from './events/types.ts';
export { explainIncident } from './incidents.ts';
export type { Incident, IncidentKind } from './incidents.ts';
export type {
  AddContactOptions,
  ConversationListOptions,
  GatewayToken,
  HistoryOptions,
  MessengerFactory,
  SearchOptions,
} from './messenger.ts';
export { Messenger } from './factory.ts';
export type { CreateOptions, Effects, OpenOptions, VaultFolder } from './options.ts';
export type { Delivery, DeliveryState, OutboxEntry, SentMessage, WaitOptions } from './outbox/types.ts';
export type { AccountRef, ConversationRef, DeviceRef, EnvelopeRef, MessageRef, Ref } from './refs.ts';
export { defaultSettings } from './settings.ts';
export type { Settings } from './settings.ts';
export type { Status } from './status.ts';
export { explainReason } from './trail/reasons.ts';
export type { ReasonCode } from './trail/reasons.ts';
export type { Explanation, TrailStep } from './trail/types.ts';
