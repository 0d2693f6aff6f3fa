import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import type { MessageInitShape, UnknownField } from '@bufbuild/protobuf';
import { readChainHead, writeChainHead } from './chain-head.ts';
import type { ChainHead } from './chain-head.ts';
import { checkBody } from './content-limits.ts';
import { readConversationTimer, writeConversationTimer } from './conversation-timer.ts';
import type { ConversationTimer } from './conversation-timer.ts';
import { WireError } from './error.ts';
import { ContentSchema } from './gen/sotto/wire/v1/content_pb.ts';
import type { Content as ContentMessage } from './gen/sotto/wire/v1/content_pb.ts';
import { conversationId, messageId } from './ids.ts';
import type { ConversationId, MessageId } from './ids.ts';
import { MAX_CONTENT_BYTES, MAX_HEIGHT, MAX_PARENTS } from './limits.ts';
import { safeNumber, safeTime } from './numbers.ts';
import { CONTENT_VERSION, isGrease } from './suites.ts';

type KindField = Exclude<ContentMessage['kind'], { case: undefined }>;

/** Kinds of content this code understands. */
export type ContentKind = KindField['case'];

/**
 * What a content says: `kind` and the generated message of that kind. `unknown` is a newer kind or version: `bytes` is
 * the whole serialised content, which `encodeContent` gives back unchanged.
 */
export type ContentBody =
  | {
      [Field in KindField as Field['case']]: { readonly kind: Field['case']; readonly value: Field['value'] };
    }[ContentKind]
  | { readonly kind: 'unknown'; readonly bytes: Uint8Array };

/** A decrypted payload. */
export interface Content {
  readonly version: number;
  readonly conversation: ConversationId;
  /** The sending device's counter in this conversation, from 1; 0 for content that is never stored. */
  readonly counter: number;
  /** What the author's device had last seen; at most `MAX_PARENTS`. */
  readonly parents: readonly MessageId[];
  /** 1 + the greatest height among the parents; 0 for content that is never stored. Order is (height, MessageId). */
  readonly height: number;
  /** Unix ms by the author's clock: for display only. */
  readonly sentAt: number;
  /** The author's own chain as the author sees it. */
  readonly chainHead: ChainHead | null;
  /** The disappearing timer its author knew; null: none was ever set. Only on content that is stored. */
  readonly timer: ConversationTimer | null;
  readonly body: ContentBody;
  /** Fields of a newer program beside the kind; kept through a round trip. */
  readonly unknownFields: readonly UnknownField[];
}

/** A content to be written: plain objects are enough for the value of its kind. */
export interface ContentDraft extends Omit<Content, 'version' | 'timer' | 'body' | 'unknownFields'> {
  readonly timer?: ConversationTimer | null;
  readonly body:
    | {
        [Kind in ContentKind]: {
          readonly kind: Kind;
          readonly value: Extract<NonNullable<MessageInitShape<typeof ContentSchema>['kind']>, { case: Kind }>['value'];
        };
      }[ContentKind]
    | { readonly kind: 'unknown'; readonly bytes: Uint8Array };
  readonly unknownFields?: readonly UnknownField[];
}

/** Numbers 7–15 are for fields beside the kind, so a kind this code does not know has a number from here on. */
const FIRST_KIND_FIELD = 16;

/**
 * Serialises a content after checking every limit. Throws `WireError`: `too_large`, `length`, `range`, `text`,
 * `malformed`. The result, not the object, is what a MessageId is computed from.
 */
export function encodeContent(draft: ContentDraft): Uint8Array {
  if (draft.body.kind === 'unknown') {
    decodeContent(draft.body.bytes);
    return draft.body.bytes;
  }
  const message = create(ContentSchema, {
    version: CONTENT_VERSION,
    conversation: draft.conversation,
    counter: BigInt(draft.counter),
    parents: [...draft.parents],
    height: BigInt(draft.height),
    sentAt: BigInt(draft.sentAt),
    ...(draft.chainHead === null ? {} : { chainHead: writeChainHead(draft.chainHead) }),
    ...(draft.timer === undefined || draft.timer === null ? {} : { timer: writeConversationTimer(draft.timer) }),
    kind: { case: draft.body.kind, value: draft.body.value } as NonNullable<
      MessageInitShape<typeof ContentSchema>['kind']
    >,
  });
  if (draft.unknownFields !== undefined && draft.unknownFields.length > 0) message.$unknown = [...draft.unknownFields];
  // Before serialising: that would quietly replace what UTF-8 cannot carry.
  interpret(message, new Uint8Array());
  const bytes = toBinary(ContentSchema, message);
  if (bytes.length > MAX_CONTENT_BYTES) throw new WireError('too_large', 'the content is over the limit');
  return bytes;
}

/**
 * Reads a content. A newer version or kind gives body `unknown`; unknown fields are kept; everything understood is
 * checked. Throws `WireError`: `too_large`, `malformed`, `length`, `range`, `text`, `unknown_version` (0 and GREASE).
 */
export function decodeContent(bytes: Uint8Array): Content {
  if (bytes.length > MAX_CONTENT_BYTES) throw new WireError('too_large', 'the content is over the limit');
  return interpret(parse(bytes), bytes);
}

/** Checks everything understood in a message; `bytes` is its serialisation, kept for an unknown body. */
function interpret(message: ContentMessage, bytes: Uint8Array): Content {
  if (message.version === 0 || isGrease(message.version)) {
    throw new WireError('unknown_version', 'no content version, or a reserved one');
  }
  if (message.parents.length > MAX_PARENTS) throw new WireError('too_large', 'too many parents');
  const body = readBody(message, bytes);
  const counter = safeNumber(message.counter);
  const height = safeNumber(message.height);
  if (height > MAX_HEIGHT) throw new WireError('range', 'a height beyond every conversation');
  if (message.version === CONTENT_VERSION && (counter === 0) !== (height === 0)) {
    throw new WireError('range', 'stored content has a counter and a height, other content neither');
  }
  if (body.kind !== 'unknown') checkBody(body, counter);
  return {
    version: message.version,
    conversation: conversationId(message.conversation),
    counter,
    parents: message.parents.map(messageId),
    height,
    sentAt: safeTime(message.sentAt),
    chainHead: message.chainHead === undefined ? null : readChainHead(message.chainHead),
    timer: readTimer(message, height),
    body,
    unknownFields: message.$unknown ?? [],
  };
}

/** A newer version may mean something else by it. */
function readTimer({ version, timer }: ContentMessage, height: number): ConversationTimer | null {
  return timer === undefined || version !== CONTENT_VERSION ? null : readConversationTimer(timer, height);
}

function parse(bytes: Uint8Array): ContentMessage {
  try {
    return fromBinary(ContentSchema, bytes);
  } catch (cause) {
    throw new WireError('malformed', 'not a content', { cause });
  }
}

function readBody(message: ContentMessage, bytes: Uint8Array): ContentBody {
  if (message.version !== CONTENT_VERSION) return { kind: 'unknown', bytes };
  if (message.kind.case !== undefined) {
    return { kind: message.kind.case, value: message.kind.value } as ContentBody;
  }
  const newer = (message.$unknown ?? []).some((field) => field.no >= FIRST_KIND_FIELD);
  if (!newer) throw new WireError('malformed', 'a content without a kind');
  return { kind: 'unknown', bytes };
}
