import { Refusal } from '@sotto/wire';

/**
 * A request that is answered with a refusal. Thrown inside a group-committed operation it undoes that operation and no
 * other. The text is for people and holds nothing the caller sent.
 */
export class Refused extends Error {
  override readonly name = 'Refused';
  readonly refusal: Refusal;
  /** Milliseconds; 0: not known. */
  readonly retryAfterMs: number;

  constructor(refusal: Refusal, message: string, options?: ErrorOptions & { readonly retryAfterMs?: number }) {
    super(message, options);
    this.refusal = refusal;
    this.retryAfterMs = options?.retryAfterMs ?? 0;
  }
}

/** A `Refused` `MALFORMED`. */
export function malformed(message: string, cause?: unknown): Refused {
  return new Refused(Refusal.MALFORMED, message, { cause });
}
