import { create, toBinary } from '@bufbuild/protobuf';
import { parseCanonical } from './canonical.ts';
import { WireError } from './error.ts';
import { CommitInfoSchema, SealedLogContentSchema } from './gen/sotto/wire/v1/group_pb.ts';
import { accountId, statementHash } from './ids.ts';
import type { AccountId, StatementHash } from './ids.ts';
import { safeNumber } from './numbers.ts';

/** What is sealed into a log's entry. */
export interface LogContent {
  /** A serialised MLSMessage of RFC 9420. */
  readonly mls: Uint8Array;
  /** Commits: serialised sigchains that it relies on, one an account. */
  readonly chains: readonly Uint8Array[];
}

export function encodeLogContent({ mls, chains }: LogContent): Uint8Array {
  return toBinary(SealedLogContentSchema, create(SealedLogContentSchema, { mls, chains: [...chains] }));
}

/** Throws `WireError`: `malformed`, `not_canonical`. */
export function decodeLogContent(bytes: Uint8Array): LogContent {
  const { mls, chains } = parseCanonical(SealedLogContentSchema, bytes);
  if (mls.length === 0) throw new WireError('malformed', 'an entry without a message');
  return { mls, chains };
}

/** The point of a chain at which a device is revoked. */
export interface RevocationHead {
  readonly account: AccountId;
  readonly sequence: number;
  readonly hash: StatementHash;
}

/** A serialised CommitInfo, the authenticated data of a commit; nothing to say is no bytes. */
export function encodeCommitInfo(info: { readonly revocations: readonly RevocationHead[] }): Uint8Array {
  const revocations = info.revocations.map(({ account, sequence, hash }) => ({
    account,
    sequence: BigInt(sequence),
    hash,
  }));
  return toBinary(CommitInfoSchema, create(CommitInfoSchema, { revocations }));
}

/** Throws `WireError`: `malformed`, `not_canonical`, `length`, `range`. */
export function decodeCommitInfo(bytes: Uint8Array): { readonly revocations: readonly RevocationHead[] } {
  const { revocations } = parseCanonical(CommitInfoSchema, bytes);
  return {
    revocations: revocations.map((head) => ({
      account: accountId(head.account),
      sequence: safeNumber(head.sequence),
      hash: statementHash(head.hash),
    })),
  };
}
