import { create } from '@bufbuild/protobuf';
import { PostStreamResponseSchema, Refusal } from '@sotto/wire';
import type { PostStreamResponse } from '@sotto/wire';
import type { PostOutcome } from '../ports/types.ts';
import { bodyLength, HandWriter, scalarLength } from './hand-laid.ts';

/** What became of one post of a stream. */
export interface NumberedOutcome {
  /** The caller's, up to 2^53. */
  readonly number: number;
  readonly outcome: PostOutcome;
}

/** What a post stream says at once; see sotto.gateway.v1.PostStreamResponse. */
export type PostFrame = readonly NumberedOutcome[];

/** As a message, for protocols that Connect serialises. */
export function postFrameMessage(frame: PostFrame): PostStreamResponse {
  return create(PostStreamResponseSchema, {
    outcomes: frame.map((entry) => {
      const { number, refusal, duplicate, retryAfterMs } = fieldsOf(entry);
      return { number: BigInt(number), refusal, duplicate, retryAfterMs: BigInt(retryAfterMs) };
    }),
  });
}

/** As bytes, behind `reserve` bytes that are the caller's. */
export function encodePostFrame(frame: PostFrame, reserve: number): Buffer {
  let total = 0;
  for (const entry of frame) total += bodyLength(outcomeLength(entry));
  const writer = new HandWriter(reserve, total);
  for (const entry of frame) {
    const { number, refusal, duplicate, retryAfterMs } = fieldsOf(entry);
    writer.head(1, outcomeLength(entry));
    writer.scalar(1, number);
    writer.scalar(2, refusal);
    writer.scalar(3, duplicate ? 1 : 0);
    writer.scalar(4, retryAfterMs);
  }
  return writer.buffer;
}

function outcomeLength(entry: NumberedOutcome): number {
  const { number, refusal, duplicate, retryAfterMs } = fieldsOf(entry);
  return scalarLength(number) + scalarLength(refusal) + scalarLength(duplicate ? 1 : 0) + scalarLength(retryAfterMs);
}

function fieldsOf({ number, outcome }: NumberedOutcome) {
  return outcome.kind === 'refused'
    ? { number, refusal: outcome.refusal, duplicate: false, retryAfterMs: outcome.retryAfterMs }
    : { number, refusal: Refusal.UNSPECIFIED, duplicate: outcome.kind === 'duplicate', retryAfterMs: 0 };
}
