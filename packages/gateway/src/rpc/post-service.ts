import { create } from '@bufbuild/protobuf';
import type { HandlerContext, ServiceImpl } from '@connectrpc/connect';
import { PostOutcomeSchema, PostStreamResponseSchema, Refusal } from '@sotto/wire';
import type {
  NumberedPost,
  PostOutcome as OutcomeMessage,
  PostService,
  PostStreamRequest,
  PostStreamResponse,
} from '@sotto/wire';
import { POSTS_IN_FLIGHT, POSTS_PER_FRAME, SLOW_CONSUMER_MS, WRONG_CAPABILITIES } from '../limits.ts';
import type { PostOutcome } from '../ports/types.ts';
import { malformed, Refused } from '../refused.ts';
import { callOf } from './context.ts';
import { toConnectError, toRefused } from './errors.ts';
import type { ServiceParts } from './parts.ts';
import type { Peer } from './peer.ts';
import { readPost } from './requests.ts';
import { Signal } from './signal.ts';
import type { MonitoredStream } from './stream-monitor.ts';

/** ms without any post after which a stream is ended; the sender opens another when it has something. */
const IDLE_STREAM_MS = 300_000;

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
    postStream: (requests, context) => new PostStream(parts, context).run(requests),
  };
}

function countWrong(peer: Peer, outcome: PostOutcome): void {
  if (outcome.kind !== 'refused' || outcome.refusal !== Refusal.CAPABILITY) return;
  peer.wrongCapabilities++;
  if (peer.wrongCapabilities > WRONG_CAPABILITIES) peer.close();
}

/** One stream of posts: reads ahead of the commits up to a bound, answers what each commit decided in one frame. */
class PostStream implements MonitoredStream {
  readonly #parts: ServiceParts;
  readonly #peer: Peer;
  readonly #reset: () => void;
  readonly #output = new Signal();
  readonly #room = new Signal();
  #outcomes: OutcomeMessage[] = [];
  #inFlight = 0;
  #input: { readonly kind: 'open' | 'ended' } | { readonly kind: 'failed'; readonly error: unknown } = { kind: 'open' };
  #lastActivity: number;
  #writing = false;

  constructor(parts: ServiceParts, context: HandlerContext) {
    this.#parts = parts;
    const { peer, reset } = callOf(context);
    this.#peer = peer;
    this.#reset = reset;
    this.#lastActivity = parts.clock.now();
  }

  async *run(requests: AsyncIterable<PostStreamRequest>): AsyncGenerator<PostStreamResponse> {
    const forget = this.#parts.streams.add(this);
    void this.#read(requests);
    try {
      while (true) {
        if (this.#outcomes.length > 0) {
          const outcomes = this.#outcomes;
          this.#outcomes = [];
          this.#room.wake();
          this.#writing = true;
          yield create(PostStreamResponseSchema, { outcomes });
          this.#writing = false;
          this.#lastActivity = this.#parts.clock.now();
        } else if (this.#input.kind === 'open' || this.#inFlight > 0) {
          await this.#output.wait();
        } else if (this.#input.kind === 'failed') {
          throw toConnectError(this.#input.error);
        } else {
          return;
        }
      }
    } finally {
      forget();
      this.#input = { kind: 'ended' };
      this.#room.wake();
    }
  }

  check(now: number): void {
    const idle = now - this.#lastActivity;
    if (this.#writing && idle > SLOW_CONSUMER_MS) this.#reset();
    else if (!this.#writing && this.#inFlight === 0 && idle > IDLE_STREAM_MS) this.end();
  }

  /** Takes nothing more, answers what is in flight, and ends. */
  end(): void {
    if (this.#input.kind === 'open') this.#input = { kind: 'ended' };
    this.#output.wake();
    this.#room.wake();
  }

  async #read(requests: AsyncIterable<PostStreamRequest>): Promise<void> {
    try {
      for await (const { posts } of requests) {
        if (this.#input.kind !== 'open') return;
        if (posts.length > POSTS_PER_FRAME) throw malformed(`a frame holds at most ${POSTS_PER_FRAME} posts`);
        this.#lastActivity = this.#parts.clock.now();
        for (const post of posts) this.#decide(post);
        while (this.#inFlight + this.#outcomes.length >= POSTS_IN_FLIGHT && this.#input.kind === 'open') {
          await this.#room.wait();
        }
      }
      if (this.#input.kind === 'open') this.#input = { kind: 'ended' };
    } catch (error) {
      if (this.#input.kind === 'open') this.#input = { kind: 'failed', error };
    } finally {
      this.#output.wake();
    }
  }

  #decide({ number, post }: NumberedPost): void {
    let deciding: Promise<PostOutcome>;
    try {
      deciding = this.#parts.mailboxes.post(readPost(this.#parts, post));
    } catch (error) {
      this.#answer(number, refusedOf(error));
      return;
    }
    this.#inFlight++;
    deciding.then(
      (outcome) => this.#decided(number, outcome),
      (error: unknown) => this.#decided(number, refusedOf(error)),
    );
  }

  #decided(number: bigint, outcome: PostOutcome): void {
    this.#inFlight--;
    countWrong(this.#peer, outcome);
    this.#answer(number, outcome);
  }

  #answer(number: bigint, outcome: PostOutcome): void {
    this.#outcomes.push(
      create(
        PostOutcomeSchema,
        outcome.kind === 'refused'
          ? { number, refusal: outcome.refusal, retryAfterMs: BigInt(outcome.retryAfterMs) }
          : { number, duplicate: outcome.kind === 'duplicate' },
      ),
    );
    this.#output.wake();
  }
}

function refusedOf(error: unknown): PostOutcome {
  const { refusal, retryAfterMs } = toRefused(error);
  return { kind: 'refused', refusal, retryAfterMs };
}
