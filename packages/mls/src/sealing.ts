import type { HpkeSealed, PublicKey, Secret } from '@sotto/crypto';
import type { SuiteCrypto } from './suite.ts';

/** Secrets to seal in one context: EncryptWithLabel, RFC 9420 §5.1.3. */
export interface SealBatch {
  /** IANA number. */
  readonly cipherSuite: number;
  readonly label: string;
  readonly context: Uint8Array;
  readonly jobs: readonly SealJob[];
}

export interface SealJob {
  readonly receiver: PublicKey;
  /** The batch's maker wipes it. */
  readonly plaintext: Secret;
}

/** Seals elsewhere: a large commit is one seal after another, and nothing of it hangs together but their order. */
export interface Sealer {
  /** In the order of `batch.jobs`. Plaintexts are neither kept nor changed, and copies of them wiped. */
  seal(batch: SealBatch): Promise<readonly HpkeSealed[]>;
}

/** Work that needs secrets sealed on its way: it yields a batch and goes on with what comes back. */
export type Sealing<T> = Generator<SealBatch, T, readonly HpkeSealed[]>;

/** The rest of the work with every batch sealed here and now. */
export function sealingHere<T>(crypto: SuiteCrypto, work: Sealing<T>): T {
  for (let step = work.next(); ;) {
    if (step.done === true) return step.value;
    step = work.next(sealBatch(crypto, step.value));
  }
}

/** The rest of the work with batches sealed by `sealer`; `goOn` is asked after each and may throw. */
export async function sealingBy<T>(sealer: Sealer, work: Sealing<T>, goOn: () => void): Promise<T> {
  try {
    for (let step = work.next(); ;) {
      if (step.done === true) return step.value;
      const sealed = await sealer.seal(step.value);
      goOn();
      step = work.next(sealed);
    }
  } finally {
    // Where it did not come to its end, it wipes what it holds.
    work.return(undefined as T);
  }
}

export function sealBatch(crypto: SuiteCrypto, batch: SealBatch): HpkeSealed[] {
  const seal = crypto.encryptor(batch.label, batch.context);
  return batch.jobs.map(({ receiver, plaintext }) => seal(receiver, plaintext));
}
