import type { ServiceImpl } from '@connectrpc/connect';
import type { PostService } from '@sotto/wire';
import { Refused } from '../refused.ts';
import { callOf } from './context.ts';
import { driveConnect } from './drive-connect.ts';
import type { ServiceParts } from './parts.ts';
import { postFrameMessage } from './post-frame.ts';
import { PostStream } from './post-stream.ts';
import { readPost } from './requests.ts';
import { countWrong } from './wrong-capabilities.ts';

/** Posting, on connections that never log in. */
export function postService(parts: ServiceParts): ServiceImpl<typeof PostService> {
  return {
    async post(request, context) {
      const outcome = await parts.mailboxes.post(readPost(parts, request));
      countWrong(callOf(context).peer, outcome);
      if (outcome.kind === 'refused') {
        throw new Refused(outcome.refusal, 'the gateway does not take this post', outcome);
      }
      return { duplicate: outcome.kind === 'duplicate' };
    },

    postStream(requests, context) {
      const { peer, reset } = callOf(context);
      const { streams, clock } = parts;
      const options = { streams, clock, reset, messageOf: postFrameMessage };
      return driveConnect(new PostStream(parts, peer), requests, options);
    },
  };
}
