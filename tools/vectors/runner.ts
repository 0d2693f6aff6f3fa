import type { CryptoProvider } from '@sotto/crypto';

/** Runs published test vectors of one family (Noise, HPKE, …). Tests and `npm run vectors` share it. */
export interface VectorRunner {
  /** The family, as printed: `Noise`. */
  readonly name: string;
  /** Whether a file belongs to the family, by its name alone (the last part of its path). */
  recognises(fileName: string): boolean;
  /**
   * Runs every case of a parsed file. A case that this code does not offer is `skipped`, and `reason` names its
   * parameter set; a file of another shape throws.
   */
  run(json: unknown, provider: CryptoProvider): Iterable<VectorCase> | AsyncIterable<VectorCase>;
}

export interface VectorCase {
  /** Enough to find the case in its file. */
  readonly name: string;
  readonly outcome: 'passed' | 'failed' | 'skipped';
  /** Why it failed, or which parameter set made it be skipped: `P-256`, `AES-GCM with 8-byte nonces`. */
  readonly reason?: string;
}
