import { readLogPost, Refusal } from '@sotto/wire';
import type { AppendRequest, LogPost } from '@sotto/wire';
import { WRONG_CAPABILITIES } from '../limits.ts';
import type { Limits } from '../limits.ts';
import { malformed, Refused } from '../refused.ts';
import type { ServiceParts } from './parts.ts';
import type { Peer } from './peer.ts';

/** Bytes of an append around its entry. */
const APPEND_ROOM = 1024;

/** What only guessing, or someone long gone, runs into again and again. */
const WRONG: readonly Refusal[] = [Refusal.SIGNATURE, Refusal.UNKNOWN_EPOCH, Refusal.NOT_FOUND];

/** Bytes of one append, JSON included: base64 makes four bytes of three. */
export function appendRequestBytes({ logCommitBytes }: Pick<Limits, 'logCommitBytes'>): number {
  return Math.ceil((logCommitBytes * 4) / 3) + APPEND_ROOM;
}

/** Appends one entry to a group's log. Throws `Refused` or `WireError`. */
export async function appendEntry(
  { groupLogs, limiters, limits }: Pick<ServiceParts, 'groupLogs' | 'limiters' | 'limits'>,
  peer: Peer,
  request: AppendRequest,
): Promise<{ readonly position: bigint; readonly duplicate: boolean }> {
  limiters.count('appends', peer.caller);
  if (request.post === undefined) throw malformed('the post is missing');
  const post = readLogPost(request.post);
  checkSize(post, limits);
  const outcome = await groupLogs.append(post, peer.caller);
  if (outcome.kind !== 'refused') {
    return { position: BigInt(outcome.position), duplicate: outcome.kind === 'duplicate' };
  }
  countWrong(peer, outcome.refusal);
  throw new Refused(outcome.refusal, 'the log does not take this entry', outcome);
}

function checkSize({ entry }: LogPost, { logCommitBytes, logMessageBytes }: Limits): void {
  const small = entry.kind === 'message' || entry.kind === 'proposal';
  if (entry.bytes.length > (small ? logMessageBytes : logCommitBytes)) {
    throw new Refused(Refusal.TOO_LARGE, 'the entry is larger than this gateway takes');
  }
}

/** Closes a connection that keeps trying keys that are none. */
function countWrong(peer: Peer, refusal: Refusal): void {
  if (!WRONG.includes(refusal)) return;
  peer.wrongCapabilities++;
  if (peer.wrongCapabilities > WRONG_CAPABILITIES) peer.close();
}
