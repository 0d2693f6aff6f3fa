import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import type { MessageShape } from '@bufbuild/protobuf';
import { equalBytes } from './bytes.ts';
import { WireError } from './error.ts';
import { LogPostSchema } from './gen/sotto/wire/v1/group_pb.ts';
import { MAX_LOG_ENTRY_BYTES } from './limits.ts';
import { readLogAdmission, writeLogAdmission } from './log-admission.ts';
import type { LogAdmission } from './log-admission.ts';
import { decodeLogEntry } from './log-entry.ts';
import type { LogEntry } from './log-entry.ts';
import { safeNumber } from './numbers.ts';

/** What entitles to post an entry. */
export type LogProof =
  /** Ed25519 by the epoch key over `logEntryMessage`, 64 bytes. */
  | { readonly kind: 'signature'; readonly signature: Uint8Array }
  /** External commits only. */
  | { readonly kind: 'admission'; readonly admission: LogAdmission };

/** An entry as it is posted. */
export interface LogPost {
  readonly entry: LogEntry;
  readonly proof: LogProof;
  /** Commits: position of the last entry other than a message that the author has seen; else 0. */
  readonly after: number;
}

const SIGNATURE_BYTES = 64;
/** Bytes around the entry: proof and position. */
const POST_ROOM = 256;

/** Serialises a post. Throws `WireError` as `decodeLogPost` does. */
export function encodeLogPost(post: Omit<LogPost, 'entry'> & { readonly entry: Uint8Array }): Uint8Array {
  const { entry, proof, after } = post;
  const message = create(LogPostSchema, {
    entry,
    proof:
      proof.kind === 'signature'
        ? { case: 'signature', value: proof.signature }
        : { case: 'admission', value: writeLogAdmission(proof.admission) },
    after: BigInt(after),
  });
  readLogPost(message);
  return toBinary(LogPostSchema, message);
}

/**
 * Reads a serialised post strictly, and verifies nothing. Throws `WireError`: `too_large`, `malformed`,
 * `not_canonical`, `unknown_version`, `length`, `range`, `padding`.
 */
export function decodeLogPost(bytes: Uint8Array): LogPost {
  if (bytes.length > MAX_LOG_ENTRY_BYTES + POST_ROOM) throw new WireError('too_large', 'the post is too large');
  let message;
  try {
    message = fromBinary(LogPostSchema, bytes, { readUnknownFields: false });
  } catch (cause) {
    throw new WireError('malformed', 'not a post to a log', { cause });
  }
  if (!equalBytes(toBinary(LogPostSchema, message), bytes)) {
    throw new WireError('not_canonical', 'unknown fields, or not the one way to write them');
  }
  return readLogPost(message);
}

/**
 * The same for a message that is parsed already. The proof belongs to the entry's log and epoch, and only an external
 * commit comes with an admission, and never without.
 */
export function readLogPost(message: Omit<MessageShape<typeof LogPostSchema>, '$typeName'>): LogPost {
  const entry = decodeLogEntry(message.entry);
  const proof = readProof(message.proof);
  const after = safeNumber(message.after);
  if ((entry.kind === 'external-commit') !== (proof.kind === 'admission')) {
    throw new WireError('malformed', 'external commits come with an admission, other entries with a signature');
  }
  if (proof.kind === 'admission') {
    const { log, epochKey } = proof.admission;
    if (!equalBytes(log, entry.log) || !equalBytes(epochKey, entry.epochKey)) {
      throw new WireError('malformed', 'the admission is for another log or epoch');
    }
  }
  if (after > 0 && (entry.kind === 'message' || entry.kind === 'proposal')) {
    throw new WireError('malformed', 'only commits name what they come after');
  }
  return { entry, proof, after };
}

function readProof(proof: MessageShape<typeof LogPostSchema>['proof']): LogProof {
  switch (proof.case) {
    case 'signature':
      if (proof.value.length !== SIGNATURE_BYTES) throw new WireError('length', 'an Ed25519 signature has 64 bytes');
      return { kind: 'signature', signature: proof.value };
    case 'admission':
      return { kind: 'admission', admission: readLogAdmission(proof.value) };
    case undefined:
      throw new WireError('malformed', 'a post without a proof');
  }
}
