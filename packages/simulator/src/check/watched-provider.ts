import type { AeadName, Bytes, CryptoProvider } from '@sotto/crypto';

/** Told when one key and nonce are about to seal a second content. */
export type OnReuse = (aead: AeadName) => void;

/** Remembers what every key and nonce of a run sealed. */
export class SealRegister {
  readonly #sealed = new Map<string, string>();

  get size(): number {
    return this.#sealed.size;
  }

  /** False: another content was sealed under the same key and nonce. */
  record(place: string, content: string): boolean {
    const known = this.#sealed.get(place);
    if (known === undefined) this.#sealed.set(place, content);
    return known === undefined || known === content;
  }
}

/** A provider that records every AEAD call. */
export function watchedProvider(real: CryptoProvider, register: SealRegister, onReuse: OnReuse): CryptoProvider {
  const digest = (...parts: readonly Uint8Array[]): string =>
    Buffer.from(real.hash('sha256', ...parts).subarray(0, 16)).toString('latin1');
  return {
    name: real.name,
    random: (length) => real.random(length),
    hash: (name, ...parts) => real.hash(name, ...parts),
    hashing: (name) => real.hashing(name),
    shake256: (input, length) => real.shake256(input, length),
    hmac: (name, key, ...parts) => real.hmac(name, key, ...parts),
    hkdf: (name, ikm, salt, info, length) => real.hkdf(name, ikm, salt, info, length),
    hkdfExtract: (name, salt, ikm) => real.hkdfExtract(name, salt, ikm),
    hkdfExpand: (name, prk, info, length) => real.hkdfExpand(name, prk, info, length),
    seal: (name, key, nonce, plaintext, associated) => {
      const length = new Uint8Array(Uint32Array.of(plaintext.length).buffer);
      const place = digest(Buffer.from(name), bytesOf(key), nonce);
      if (!register.record(place, digest(length, plaintext, associated))) onReuse(name);
      return real.seal(name, key, nonce, plaintext, associated);
    },
    open: (name, key, nonce, sealed, associated) => real.open(name, key, nonce, sealed, associated),
    keystream: (key, nonce, length) => real.keystream(key, nonce, length),
    generate: (kind) => real.generate(kind),
    importPrivate: (kind, bytes) => real.importPrivate(kind, bytes),
    importPublic: (kind, bytes) => real.importPublic(kind, bytes),
    dh: (own, peer) => real.dh(own, peer),
    sign: (own, message) => real.sign(own, message),
    verify: (signer, message, signature) => real.verify(signer, message, signature),
    encapsulate: (peer) => real.encapsulate(peer),
    decapsulate: (own, ciphertext) => real.decapsulate(own, ciphertext),
    argon2id: (password, salt, parameters, extras) => real.argon2id(password, salt, parameters, extras),
    equal: (a, b) => real.equal(a, b),
  };
}

function bytesOf(key: Bytes): Uint8Array {
  return key instanceof Uint8Array ? key : key.reveal();
}
