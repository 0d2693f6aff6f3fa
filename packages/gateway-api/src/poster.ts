import { create } from '@bufbuild/protobuf';
import { createClient } from '@connectrpc/connect';
import type { Client } from '@connectrpc/connect';
import { NumberedPostSchema, PostService, PostStreamRequestSchema, Refusal } from '@sotto/wire';
import type { NumberedPost, PostOutcome, PostStreamRequest } from '@sotto/wire';
import type { Admission } from '@sotto/transport';
import { admissionMessage } from './admission.ts';
import type { Connection } from './connection.ts';
import { refusalError, toGatewayApiError } from './error-mapping.ts';
import { GatewayApiError } from './error.ts';
import { Signal } from './signal.ts';
import type { PostResult } from './types.ts';

/** Posts and bytes in one frame, and posts without an answer; what the gateway takes, or less. */
const FRAME_POSTS = 64;
const FRAME_BYTES = 512 * 1024;
const IN_FLIGHT = 256;

interface Waiting {
  readonly message: NumberedPost;
  readonly bytes: number;
  readonly signal: AbortSignal;
  readonly resolve: (result: PostResult) => void;
  readonly reject: (error: Error) => void;
  /** It was in a stream that broke: once more is enough, the caller decides about further attempts. */
  repeated: boolean;
}

/** Posts of many callers over one stream, as fast as the gateway answers; what gathers meanwhile shares a frame. */
export class Poster {
  readonly #client: Client<typeof PostService>;
  #lastNumber = 0n;
  #queue: Waiting[] = [];
  #stream: PostStream | undefined;
  #closed = false;

  constructor(connection: Connection) {
    this.#client = createClient(PostService, connection.transport);
  }

  post(envelope: Uint8Array, admission: Admission, signal: AbortSignal): Promise<PostResult> {
    return new Promise((resolve, reject) => {
      if (this.#closed) {
        reject(new GatewayApiError('closed', 'the connection was closed'));
        return;
      }
      this.#lastNumber++;
      const post = { envelope, admission: admissionMessage(admission) };
      const message = create(NumberedPostSchema, { number: this.#lastNumber, post });
      this.#queue.push({ message, bytes: envelope.length, signal, resolve, reject, repeated: false });
      this.#run();
    });
  }

  close(): void {
    this.#closed = true;
    this.#stream?.abort(new GatewayApiError('closed', 'the connection was closed'));
    for (const waiting of this.#queue.splice(0))
      waiting.reject(new GatewayApiError('closed', 'the connection was closed'));
  }

  #run(): void {
    if (this.#stream !== undefined) {
      this.#stream.more();
      return;
    }
    const stream = new PostStream(this.#client, () => this.#take());
    this.#stream = stream;
    stream.run().then(
      () => this.#ended(stream, new GatewayApiError('unreachable', 'the gateway ended the stream')),
      (error: unknown) => this.#ended(stream, toGatewayApiError(error)),
    );
  }

  /** The next posts for a frame. Those whose caller has given up are left out. */
  #take(): Waiting[] {
    const taken: Waiting[] = [];
    let bytes = 0;
    while (this.#queue.length > 0 && taken.length < FRAME_POSTS) {
      const [next] = this.#queue;
      if (next === undefined || (taken.length > 0 && bytes + next.bytes > FRAME_BYTES)) break;
      this.#queue.shift();
      if (next.signal.aborted) continue;
      bytes += next.bytes;
      taken.push(next);
    }
    return taken;
  }

  #ended(stream: PostStream, error: GatewayApiError): void {
    this.#stream = undefined;
    const unanswered = [...stream.unanswered.values()];
    // A stream that had served a while may have been at its end (idle, restart) when these were written into it.
    const again = stream.served && error.code === 'unreachable' && !this.#closed;
    const repeat = unanswered.filter((waiting) => again && !waiting.repeated && !waiting.signal.aborted);
    for (const waiting of unanswered) if (!repeat.includes(waiting)) waiting.reject(error);
    for (const waiting of repeat) waiting.repeated = true;
    if (!stream.served) for (const waiting of this.#queue.splice(0)) waiting.reject(error);
    this.#queue.unshift(...repeat);
    if (this.#queue.length > 0) this.#run();
  }
}

/** One PostStream call. */
class PostStream {
  readonly unanswered = new Map<bigint, Waiting>();
  /** The gateway has answered something on this stream. */
  served = false;
  readonly #client: Client<typeof PostService>;
  readonly #take: () => Waiting[];
  readonly #wake = new Signal();
  readonly #abort = new AbortController();
  #ended = false;

  constructor(client: Client<typeof PostService>, take: () => Waiting[]) {
    this.#client = client;
    this.#take = take;
  }

  more(): void {
    this.#wake.wake();
  }

  abort(reason: Error): void {
    this.#abort.abort(reason);
    this.#wake.wake();
  }

  async run(): Promise<void> {
    try {
      for await (const { outcomes } of this.#client.postStream(this.#frames(), { signal: this.#abort.signal })) {
        this.served = true;
        for (const outcome of outcomes) this.#settle(outcome);
        this.#wake.wake();
      }
    } catch (error) {
      throw this.#abort.signal.aborted ? this.#abort.signal.reason : error;
    } finally {
      this.#ended = true;
      this.#wake.wake();
    }
  }

  async *#frames(): AsyncGenerator<PostStreamRequest> {
    while (!this.#ended && !this.#abort.signal.aborted) {
      const posts = this.unanswered.size < IN_FLIGHT ? this.#take() : [];
      if (posts.length === 0) {
        await this.#wake.wait();
        continue;
      }
      for (const waiting of posts) this.unanswered.set(waiting.message.number, waiting);
      yield create(PostStreamRequestSchema, { posts: posts.map((waiting) => waiting.message) });
    }
  }

  #settle({ number, refusal, duplicate, retryAfterMs }: PostOutcome): void {
    const waiting = this.unanswered.get(number);
    if (waiting === undefined) return;
    this.unanswered.delete(number);
    if (refusal === Refusal.UNSPECIFIED) waiting.resolve({ duplicate });
    else waiting.reject(refusalError(refusal, Number(retryAfterMs)));
  }
}
