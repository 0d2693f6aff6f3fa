import { Worker } from 'node:worker_threads';
import type { ThumbnailJob } from './thumbnail-worker.ts';

/** ms after which a picture goes without one. */
const MOST_MS = 15_000;
/** Pixels: a camera's. More is no picture that a small one is needed of, or a bomb. */
const MOST_PIXELS = 64_000_000;
/** Less than this is no picture. */
const LEAST_BYTES = 700;
const MOST_HEAP_MIB = 256;

const DECODED: ReadonlySet<string> = new Set(['image/jpeg', 'image/png']);

/**
 * Makes small pictures of pictures, one after the other, in a thread of its own, which starts with the first: decoding a
 * large one takes seconds, and decoders read what strangers may have made. A thread that hangs or breaks is replaced.
 */
export class ThumbnailMaker implements Disposable {
  #worker: Worker | null = null;

  /** A small JPEG, upright, at most `mostBytes`; null: none can be made. */
  async make(job: ThumbnailJob & { readonly width: number; readonly height: number }): Promise<Uint8Array | null> {
    const isLarge = job.width * job.height > MOST_PIXELS;
    if (!DECODED.has(job.contentType) || isLarge || job.mostBytes < LEAST_BYTES) return null;
    this.#worker ??= startWorker();
    const result = await ask(this.#worker, job);
    if (result === 'broken') this[Symbol.dispose]();
    return result === 'broken' ? null : result;
  }

  [Symbol.dispose](): void {
    void this.#worker?.terminate();
    this.#worker = null;
  }
}

function startWorker(): Worker {
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
  return new Worker(new URL(`./thumbnail-worker.${extension}`, import.meta.url), {
    resourceLimits: { maxOldGenerationSizeMb: MOST_HEAP_MIB },
    // It has nothing to say.
    stdout: true,
    stderr: true,
  });
}

function ask(worker: Worker, { bytes, contentType, orientation, mostBytes }: ThumbnailJob) {
  return new Promise<Uint8Array | null | 'broken'>((resolve) => {
    const end = (result: Uint8Array | null | 'broken'): void => {
      clearTimeout(timer);
      worker.off('message', end).off('error', onBroken).off('exit', onBroken);
      // Whatever comes later has nobody to hear it.
      worker.on('error', nothing);
      resolve(result);
    };
    const onBroken = (): void => end('broken');
    const timer = setTimeout(onBroken, MOST_MS);
    worker.off('error', nothing);
    worker.once('message', end).once('error', onBroken).once('exit', onBroken);
    const job: ThumbnailJob = { bytes, contentType, orientation, mostBytes };
    // A port between threads has no origin.
    // oxlint-disable-next-line unicorn/require-post-message-target-origin
    worker.postMessage(job);
  });
}

const nothing = (): void => undefined;
