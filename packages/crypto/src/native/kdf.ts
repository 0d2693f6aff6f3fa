import { createHash, createHmac, hash as digest, hkdfSync } from 'node:crypto';
import { NO_BYTES } from '../bytes.ts';
import type { Hashing, HashName } from '../provider.ts';
import { Secret } from '../secret.ts';
import { HASH_SIZES, requireHkdfLength, requireLength } from '../sizes.ts';
import { plain, secretOf } from './bytes.ts';

/** node:crypto refuses longer `info` in its one-call HKDF. */
const ONE_CALL_INFO_LIMIT = 1024;

/** SHA-2 of the concatenation. */
export function hash(name: HashName, parts: readonly Uint8Array[]): Uint8Array {
  const [only] = parts;
  if (parts.length === 1 && only !== undefined) return plain(digest(name, only, 'buffer'));
  const state = createHash(name);
  for (const part of parts) state.update(part);
  return plain(state.digest());
}

/** SHA-2 in pieces. */
export function hashing(name: HashName): Hashing {
  const state = createHash(name);
  return { update: (part) => void state.update(part), digest: () => plain(state.digest()) };
}

/** HMAC, RFC 2104, of the concatenation. */
export function hmac(name: HashName, key: Uint8Array, parts: readonly Uint8Array[]): Secret {
  const state = createHmac(name, key);
  for (const part of parts) state.update(part);
  return secretOf(state.digest());
}

/** RFC 5869 §2. */
export function hkdf(name: HashName, ikm: Uint8Array, salt: Uint8Array, info: Uint8Array, length: number): Secret {
  requireHkdfLength(name, length);
  if (info.length <= ONE_CALL_INFO_LIMIT) return Secret.take(new Uint8Array(hkdfSync(name, ikm, salt, info, length)));
  using prk = hmac(name, salt, [ikm]);
  return hkdfExpand(name, prk.reveal(), info, length);
}

/** RFC 5869 §2.3. node:crypto has extract and expand only in one. */
export function hkdfExpand(
  name: HashName,
  prk: Uint8Array,
  info: Uint8Array | readonly Uint8Array[],
  length: number,
): Secret {
  requireHkdfLength(name, length);
  const size = HASH_SIZES[name];
  if (prk.length < size) requireLength(prk, size, 'HKDF pseudorandom key');
  if (length <= size) return Secret.take(expandBlock(name, prk, NO_BYTES, info, 1), length);
  const output = new Uint8Array(new ArrayBuffer(length));
  let previous: Uint8Array = NO_BYTES;
  for (let block = 1, at = 0; at < length; block++, at += size) {
    const next = expandBlock(name, prk, previous, info, block);
    output.set(next.subarray(0, length - at), at);
    previous.fill(0);
    previous = next;
  }
  previous.fill(0);
  return Secret.take(output);
}

function expandBlock(
  name: HashName,
  prk: Uint8Array,
  previous: Uint8Array,
  info: Uint8Array | readonly Uint8Array[],
  block: number,
): Uint8Array {
  const state = createHmac(name, prk);
  if (previous.length > 0) state.update(previous);
  if (info instanceof Uint8Array) state.update(info);
  else for (const part of info) state.update(part);
  return plain(state.update(Uint8Array.of(block)).digest());
}
