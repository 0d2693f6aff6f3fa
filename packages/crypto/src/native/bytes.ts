import { CryptoError } from '../error.ts';
import { Secret } from '../secret.ts';

/** A Buffer as a plain Uint8Array over the same memory: `Buffer.slice` shares where `Uint8Array.slice` copies. */
export function plain(buffer: Uint8Array): Uint8Array {
  return new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength);
}

/** Takes what node:crypto returned as a Secret. */
export function secretOf(buffer: Uint8Array): Secret {
  return Secret.take(plain(buffer));
}

/** Runs a node:crypto import and gives its refusal our code. */
export function importing<T>(what: string, run: () => T): T {
  try {
    return run();
  } catch (cause) {
    throw new CryptoError('bad_key', `${what} is not valid`, { cause });
  }
}

/** A copy of public bytes in Node's pool: an allocation of its own costs up to 1 µs. */
export function pooledCopy(bytes: Uint8Array): Uint8Array {
  const copy = pooled(bytes.length);
  copy.set(bytes);
  return copy;
}

/** Room for public bytes in Node's pool; every byte must be written. */
export function pooled(length: number): Uint8Array {
  return plain(Buffer.allocUnsafe(length));
}
