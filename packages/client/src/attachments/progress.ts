import type { Core } from '../core/core.ts';
import type { MessageRef } from '../refs.ts';
import type { AttachmentProgress } from './types.ts';

/** Bytes between two events: a hundredth of the whole, and at least a megabyte. */
const LEAST_STEP = 1024 * 1024;
const STEPS = 100;

/** Tells listeners how a transfer goes, not too often. */
export function progressOf(
  core: Pick<Core, 'events'>,
  transfer: { readonly message: MessageRef; readonly index: number; readonly direction: 'up' | 'down' },
  total: number,
  also?: (progress: AttachmentProgress) => void,
): (bytes: number) => void {
  const step = Math.max(LEAST_STEP, total / STEPS);
  let told = -step;
  return (bytes) => {
    if (bytes - told < step && bytes < total) return;
    told = bytes;
    core.events.emit({ type: 'attachment-progress', ...transfer, bytes, total });
    also?.({ bytes, total });
  };
}
