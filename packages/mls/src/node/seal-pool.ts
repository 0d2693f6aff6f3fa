import { Worker } from 'node:worker_threads';
import type { CryptoProvider, HpkeSealed } from '@sotto/crypto';
import { CIPHER_SUITES } from '../cipher-suites.ts';
import { MlsError } from '../error.ts';
import { sealBatch } from '../sealing.ts';
import type { SealBatch, Sealer, SealJob } from '../sealing.ts';
import { SuiteCrypto } from '../suite.ts';
import type { SealReply, SealRequest } from './seal-request.ts';

/** Below this a batch takes less than sending it away does. */
const LEAST = 32;

export interface SealPoolOptions {
  /** For batches too small to be sent away; the threads use the native provider. */
  readonly provider: CryptoProvider;
  /** One for each core that is idle otherwise. */
  readonly threads: number;
}

/**
 * Seals on worker threads, which `CommitBuilder.createBy` takes. With as many idle cores as threads a large commit takes
 * so much less time, and the event loop is free meanwhile; it is not less work, so busy cores gain nothing. Plaintexts
 * are copied into buffers that move to the threads, and wiped there. Close it when done.
 */
export class SealPool implements Sealer, AsyncDisposable {
  readonly #provider: CryptoProvider;
  readonly #threads: number;
  #idle: Worker[] = [];
  readonly #all = new Set<Worker>();

  constructor({ provider, threads }: SealPoolOptions) {
    this.#provider = provider;
    this.#threads = Math.max(1, threads);
  }

  async seal(batch: SealBatch): Promise<readonly HpkeSealed[]> {
    if (batch.jobs.length < LEAST) return sealBatch(this.#crypto(batch.cipherSuite), batch);
    const share = Math.ceil(batch.jobs.length / this.#threads);
    const shares: SealJob[][] = [];
    for (let from = 0; from < batch.jobs.length; from += share) shares.push(batch.jobs.slice(from, from + share));
    return (await Promise.all(shares.map((jobs) => this.#send({ ...batch, jobs })))).flat();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const workers = [...this.#all];
    this.#all.clear();
    this.#idle = [];
    await Promise.all(workers.map((worker) => worker.terminate()));
  }

  #send(batch: SealBatch): Promise<readonly HpkeSealed[]> {
    const worker = this.#idle.pop() ?? this.#start();
    const request = requestOf(batch);
    return new Promise((resolve, reject) => {
      const settle = (): void => {
        worker.off('message', answered).off('error', failed).off('exit', failed).unref();
      };
      const answered = ({ encapsulated, ciphertexts }: SealReply): void => {
        settle();
        if (this.#all.has(worker)) this.#idle.push(worker);
        resolve(encapsulated.map((key, i) => ({ encapsulated: key, ciphertext: ciphertexts[i] ?? new Uint8Array(0) })));
      };
      const failed = (cause: unknown): void => {
        settle();
        reject(new MlsError('sealer', 'a thread that seals has failed', { cause }));
      };
      worker.on('message', answered).on('error', failed).on('exit', failed).ref();
      worker.postMessage(request, [request.plaintexts.buffer]);
    });
  }

  #start(): Worker {
    const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
    const worker = new Worker(new URL(`./seal-worker.${extension}`, import.meta.url));
    this.#all.add(worker);
    const gone = (): void => {
      this.#all.delete(worker);
      this.#idle = this.#idle.filter((other) => other !== worker);
    };
    worker.on('error', gone).on('exit', gone);
    return worker;
  }

  #crypto(id: number): SuiteCrypto {
    const suite = CIPHER_SUITES.get(id);
    if (suite === undefined) throw new MlsError('unsupported_suite', 'a cipher suite is not offered');
    return new SuiteCrypto(this.#provider, suite);
  }
}

/** Plaintexts in one buffer that is moved: no copy of it stays here. */
function requestOf({ cipherSuite, label, context, jobs }: SealBatch): SealRequest {
  const lengths = jobs.map(({ plaintext }) => plaintext.length);
  const plaintexts = new Uint8Array(lengths.reduce((sum, length) => sum + length, 0));
  let at = 0;
  for (const { plaintext } of jobs) {
    plaintexts.set(plaintext.reveal(), at);
    at += plaintext.length;
  }
  // Sending a view sends all of its buffer, which others share.
  const receivers = jobs.map(({ receiver }) => receiver.bytes.slice());
  return { cipherSuite, label, context: context.slice(), receivers, lengths, plaintexts };
}
