import { Worker } from 'node:worker_threads';
import type { ThumbnailJob } from './thumbnail-worker.ts';

/** ms after which a picture goes without one. */
const MOST_MS = 15_000;
/** Pixels: a camera's. More is no picture that a small one is needed of, or a bomb. */
const MOST_PIXELS = 64_000_000;
const MOST_HEAP_MIB = 256;

const DECODED: ReadonlySet<string> = new Set(['image/jpeg', 'image/png']);

/**
 * A small JPEG of a picture, upright, at most `MAX_THUMBNAIL_BYTES`; null: none can be made. Decoded in a thread of its
 * own, because it takes seconds for a large picture and the decoders read what strangers may have made.
 */
export async function makeThumbnail(
  job: ThumbnailJob & { readonly width: number; readonly height: number },
): Promise<Uint8Array | null> {
  if (!DECODED.has(job.contentType) || job.width * job.height > MOST_PIXELS) return null;
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
  const worker = new Worker(new URL(`./thumbnail-worker.${extension}`, import.meta.url), {
    workerData: { bytes: job.bytes, contentType: job.contentType, orientation: job.orientation },
    resourceLimits: { maxOldGenerationSizeMb: MOST_HEAP_MIB },
    // It has nothing to say.
    stdout: true,
    stderr: true,
  });
  return new Promise((resolve) => {
    const timer = setTimeout(() => end(null), MOST_MS);
    const end = (result: Uint8Array | null): void => {
      clearTimeout(timer);
      resolve(result);
      void worker.terminate();
    };
    worker.once('message', (result: Uint8Array | null) => end(result));
    worker.once('error', () => end(null));
    worker.once('exit', () => end(null));
  });
}
