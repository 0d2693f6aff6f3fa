import type { ServiceImpl } from '@connectrpc/connect';
import { readLogPost, Refusal } from '@sotto/wire';
import type { GroupLogService, LogPost } from '@sotto/wire';
import { LOG_PAGE_BYTES, LOG_PAGE_ENTRIES, WRONG_CAPABILITIES } from '../limits.ts';
import type { Limits } from '../limits.ts';
import { malformed, Refused } from '../refused.ts';
import { callOf } from './context.ts';
import { driveConnect } from './drive-connect.ts';
import { extentMessage, followFrameMessage, recordMessage } from './follow-frame.ts';
import { FollowStream } from './follow-stream.ts';
import type { ServiceParts } from './parts.ts';
import type { Peer } from './peer.ts';
import { readId, readNumber } from './requests.ts';

/** What only guessing, or someone long gone, runs into again and again. */
const WRONG: readonly Refusal[] = [Refusal.SIGNATURE, Refusal.UNKNOWN_EPOCH, Refusal.NOT_FOUND];

/** Logs of groups, on connections that never log in. */
export function groupLogService(parts: ServiceParts): ServiceImpl<typeof GroupLogService> {
  const { groupLogs, limiters, limits } = parts;
  return {
    async append(request, context) {
      const { peer } = callOf(context);
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
    },

    async readLog(request, context) {
      limiters.count('logPages', callOf(context).peer.caller);
      const limit = request.limit === 0 ? LOG_PAGE_ENTRIES : Math.min(request.limit, LOG_PAGE_ENTRIES);
      const log = readId('LogId', request.log);
      const page = await groupLogs.read(log, readNumber(request.after), limit, LOG_PAGE_BYTES);
      if (page === null) throw new Refused(Refusal.NOT_FOUND, 'no such log');
      return { records: page.records.map(recordMessage), more: page.more, extent: extentMessage(page.extent) };
    },

    follow(requests, context) {
      const { peer, reset } = callOf(context);
      const { streams, clock } = parts;
      const options = { streams, clock, reset, messageOf: followFrameMessage };
      return driveConnect(new FollowStream(parts, peer), requests, options);
    },
  };
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
