import type { NumberedPost, PostStreamRequest } from '@sotto/wire';
import { POSTS_IN_FLIGHT, POSTS_PER_FRAME } from '../limits.ts';
import type { PostOutcome } from '../ports/types.ts';
import { malformed } from '../refused.ts';
import { toRefused } from './errors.ts';
import type { ServiceParts } from './parts.ts';
import type { Peer } from './peer.ts';
import type { NumberedOutcome, PostFrame } from './post-frame.ts';
import { readNumber, readPost } from './requests.ts';
import { DONE, WAIT } from './stream-core.ts';
import type { Attention, Step, StreamCore } from './stream-core.ts';
import { countWrong } from './wrong-capabilities.ts';

/** ms without any post after which a stream is ended; the sender opens another when it has something. */
const IDLE_MS = 300_000;

/** One stream of posts: reads ahead of the commits up to a bound, answers what each commit decided in one frame. */
export class PostStream implements StreamCore<PostStreamRequest, PostFrame> {
  readonly #parts: ServiceParts;
  readonly #peer: Peer;
  #attention: Attention | undefined;
  #outcomes: NumberedOutcome[] = [];
  #inFlight = 0;
  #open = true;
  #lastActivity: number;

  constructor(parts: ServiceParts, peer: Peer) {
    this.#parts = parts;
    this.#peer = peer;
    this.#lastActivity = parts.clock.now();
  }

  get saturated(): boolean {
    return this.#open && this.#inFlight + this.#outcomes.length >= POSTS_IN_FLIGHT;
  }

  attach(attention: Attention): void {
    this.#attention = attention;
  }

  receive({ posts }: PostStreamRequest): void {
    // What comes after the end was announced is not decided; its sender repeats it elsewhere.
    if (!this.#open) return;
    if (posts.length > POSTS_PER_FRAME) throw malformed(`a frame holds at most ${POSTS_PER_FRAME} posts`);
    this.#lastActivity = this.#parts.clock.now();
    for (const post of posts) this.#decide(readNumber(post.number), post);
  }

  ended(): void {
    this.#open = false;
    this.#attention?.output();
  }

  next(): Step<PostFrame> {
    if (this.#outcomes.length > 0) {
      const outcomes = this.#outcomes;
      this.#outcomes = [];
      this.#attention?.room();
      return { kind: 'frame', frame: outcomes };
    }
    return this.#open || this.#inFlight > 0 ? WAIT : DONE;
  }

  close(): void {
    this.#open = false;
  }

  check(now: number): void {
    if (this.#inFlight === 0 && now - this.#lastActivity > IDLE_MS) this.end();
  }

  /** Takes nothing more, answers what is in flight, and ends. */
  end(): void {
    this.ended();
  }

  #decide(number: number, { post }: NumberedPost): void {
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

  #decided(number: number, outcome: PostOutcome): void {
    this.#inFlight--;
    countWrong(this.#peer, outcome);
    this.#answer(number, outcome);
  }

  #answer(number: number, outcome: PostOutcome): void {
    this.#outcomes.push({ number, outcome });
    this.#attention?.output();
  }
}

function refusedOf(error: unknown): PostOutcome {
  const { refusal, retryAfterMs } = toRefused(error);
  return { kind: 'refused', refusal, retryAfterMs };
}
