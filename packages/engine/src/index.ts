export type {
  Engine,
  EngineCalls,
  EngineReply,
  EngineRequest,
  HeadRef,
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
export type { EngineErrorCode } from './error.ts';
