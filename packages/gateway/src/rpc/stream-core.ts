import type { Refusal } from '@sotto/wire';

/** What a stream has to say: a frame, nothing for the moment, or nothing ever again. */
export type Step<Frame> =
  | { readonly kind: 'frame'; readonly frame: Frame }
  | { readonly kind: 'wait' }
  | { readonly kind: 'done' };

export const WAIT = { kind: 'wait' } as const;
export const DONE = { kind: 'done' } as const;

/** How a core asks its driver for attention. */
export interface Attention {
  /** `next` may have something. */
  output(): void;
  /** `saturated` may have become false. */
  room(): void;
}

/**
 * A bidirectional stream without its transport: takes messages, gives frames that a driver turns into messages or bytes.
 * Two drivers run it: one over Connect (gRPC, JSON), one that reads and
 * writes the frames of Connect's binary protocol itself, because there the hot path is (docs/performance.md).
 */
export interface StreamCore<Request, Frame> {
  /** Called once, before anything else. */
  attach(attention: Attention): void;
  /** Takes a frame. Throws what the stream is to end with. */
  receive(frame: Request): void;
  /** The other side has nothing more to say. */
  ended(): void;
  /** Reading should stop until there is room. */
  readonly saturated: boolean;
  /** Asked again after every frame and every `output`. Rejects with what the stream is to end with. */
  next(): Step<Frame> | Promise<Step<Frame>>;
  /** The stream is over, whatever the reason. */
  close(): void;
  /** Called every few seconds. */
  check(now: number): void;
  /** The gateway wants the stream to end. */
  end(refusal: Refusal): void;
}
