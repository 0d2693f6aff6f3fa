import type { Readable } from 'node:stream';

/**
 * What a stream brings, in batches of at least `bytes` (the last one aside), while the batch before is being dealt with;
 * then the stream waits. TLS hands over 16 KiB at a time: a promise for each would cost more than the decryption.
 * `moved` is called for every piece. Throws what the stream fails with; `rest` then gets what had come until then.
 */
export async function* batches(
  stream: Readable,
  options: {
    readonly bytes: number;
    readonly moved: () => void;
    readonly rest: (batch: Uint8Array[]) => void;
  },
): AsyncGenerator<Uint8Array[]> {
  const { bytes, moved, rest } = options;
  let gathered: Uint8Array[] = [];
  let length = 0;
  let isOver = false;
  let failure: Error | null = null;
  let wake = nothing;
  const onData = (chunk: Uint8Array): void => {
    moved();
    gathered.push(chunk);
    length += chunk.length;
    if (length < bytes) return;
    stream.pause();
    wake();
  };
  const onEnd = (): void => {
    isOver = true;
    wake();
  };
  const onFailure = (error?: Error): void => {
    if (!isOver) failure ??= error ?? new Error('the connection broke');
    wake();
  };
  const onClose = (): void => onFailure();
  stream.on('end', onEnd).on('error', onFailure).on('close', onClose).on('data', onData);
  // Gone before anybody listened.
  if (stream.destroyed && !stream.readableEnded) onFailure();
  try {
    for (;;) {
      if (length < bytes && !isOver && failure === null) await new Promise<void>((resolve) => (wake = resolve));
      const batch = gathered;
      gathered = [];
      length = 0;
      if (failure !== null) {
        rest(batch);
        throw failure as Error;
      }
      if (batch.length > 0) {
        if (!isOver) stream.resume();
        yield batch;
      }
      // Anything may have come during the yield.
      if (isOver && gathered.length === 0) return;
    }
  } finally {
    stream.off('data', onData).off('end', onEnd).off('close', onClose);
    // A late error has nobody to hear it, and must not end the process.
    stream.off('error', onFailure).on('error', () => undefined);
    if (!isOver) stream.destroy();
  }
}

const nothing = (): void => undefined;
