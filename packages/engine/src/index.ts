export type {
  Engine,
  EngineCalls,
  EngineReply,
  EngineRequest,
  HeadRef,
  InitialFacts,
  OwnIdentity,
  PrekeyMade,
  ProcessResult,
  RecordChange,
  RecordName,
  Records,
  RequestKind,
  Sender,
  SessionTag,
  TagChange,
  UnreadableReason,
} from './engine.ts';
export { EngineError } from './error.ts';
export type { GroupCalls, GroupProcessResult } from './group-calls.ts';
export type {
  Chain,
  CommitOutlook,
  CreateCommitResult,
  GroupChange,
  GroupDevice,
  GroupHead,
  GroupMember,
  GroupProposal,
  GroupRemoval,
  GroupRoleName,
  GroupRule,
  JoinRefusal,
  JoinResult,
  KeyPackageFacts,
  KeyPackageMade,
  MlsCalls,
  NeedChains,
  PassedOver,
  PostMade,
  ProcessEntryResult,
} from './mls-calls.ts';
export { InProcessEngine } from './in-process.ts';
export type { InProcessEngineOptions } from './in-process.ts';
export type { EngineErrorCode } from './error.ts';
export { sendingSession } from '@sotto/ratchet';
export type { SessionCandidate } from '@sotto/ratchet';
