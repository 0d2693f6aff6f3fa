import type { DeviceRef, MessageRef } from '../refs.ts';
import type { ReasonCode } from './reasons.ts';

/** One thing that happened to a message. */
export interface TrailStep {
  /** Unix milliseconds by this device's clock. */
  readonly at: number;
  readonly code: ReasonCode;
  /** The same in plain words. */
  readonly sentence: string;
  /** The device concerned; null: the message as a whole. */
  readonly device: DeviceRef | null;
}

/** All that this device knows of a message's way, oldest first. Bounded: the middle of a very long one is left out. */
export interface Explanation {
  /** Null: an envelope of which nobody knows what it held. */
  readonly message: MessageRef | null;
  readonly steps: readonly TrailStep[];
  /** Steps left out after the first few. */
  readonly omitted: number;
}
