import type { Clock } from './clock.ts';
import type { MemoryMailbox } from './memory-mailbox.ts';

/** Gateway address of the memory network: well-formed, and nobody's. */
export const MEMORY_GATEWAY = `sotto://memory.invalid:1/${'a'.repeat(52)}`;

/** How the network misbehaves; each may be changed at any time. Probabilities are from 0 to 1. */
export interface Conditions {
  /** ms each way; a function is asked every time. */
  delayMs: number | (() => number);
  /** A post is lost before it is stored: `unreachable`, nothing happened. */
  lossBefore: number;
  /** A post is stored and its answer lost: `unreachable`, it will arrive. */
  lossAfter: number;
  /** An acknowledgement is lost: the envelope comes again with the next connection. */
  acknowledgementLoss: number;
}

/** What the transports of one network share. */
export interface MemoryAir {
  readonly clock: Clock;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  readonly conditions: Conditions;
  /** By `idHex` of the mailbox. */
  readonly mailboxes: Map<string, MemoryMailbox>;
  /** Called when every connection breaks. */
  readonly onCut: Set<() => void>;
  connected: boolean;
}
