import type { ServiceImpl } from '@connectrpc/connect';
import { Refusal } from '@sotto/wire';
import type { GroupLogService } from '@sotto/wire';
import { LOG_PAGE_BYTES, LOG_PAGE_ENTRIES } from '../limits.ts';
import { Refused } from '../refused.ts';
import { appendEntry } from './append-entry.ts';
import { callOf } from './context.ts';
import { driveConnect } from './drive-connect.ts';
import { extentMessage, followFrameMessage, recordMessage } from './follow-frame.ts';
import { FollowStream } from './follow-stream.ts';
import type { ServiceParts } from './parts.ts';
import { readId, readNumber } from './requests.ts';

/** Logs of groups, on connections that never log in. */
export function groupLogService(parts: ServiceParts): ServiceImpl<typeof GroupLogService> {
  const { groupLogs, limiters } = parts;
  return {
    append: (request, context) => appendEntry(parts, callOf(context).peer, request),

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
