import { create } from '@bufbuild/protobuf';
import { ChainHeadSchema } from './gen/sotto/wire/v1/content_pb.ts';
import type { ChainHead as ChainHeadMessage } from './gen/sotto/wire/v1/content_pb.ts';
import { accountId, statementHash } from './ids.ts';
import type { AccountId, StatementHash } from './ids.ts';
import { safeNumber, safeTime } from './numbers.ts';

/** A point of an account's sigchain. */
export interface ChainHead {
  readonly account: AccountId;
  /** Number of the last statement; Genesis is 0. */
  readonly sequence: number;
  readonly hash: StatementHash;
  /** Unix ms when the sender last checked it. */
  readonly seenAt: number;
}

/** Checks lengths and ranges. Throws `WireError` `length` or `range`. */
export function readChainHead(message: ChainHeadMessage): ChainHead {
  return {
    account: accountId(message.account),
    sequence: safeNumber(message.sequence),
    hash: statementHash(message.hash),
    seenAt: safeTime(message.seenAt),
  };
}

/** Throws `WireError` `length` or `range`. */
export function writeChainHead(head: ChainHead): ChainHeadMessage {
  const message = create(ChainHeadSchema, {
    account: head.account,
    sequence: BigInt(head.sequence),
    hash: head.hash,
    seenAt: BigInt(head.seenAt),
  });
  readChainHead(message);
  return message;
}
