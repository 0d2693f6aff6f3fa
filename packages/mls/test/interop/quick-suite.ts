import { createHash, createHmac, timingSafeEqual } from 'node:crypto';

/** The part of a cipher suite that both versions of ts-mls take as it comes. */
interface HashAndKdf {
  readonly hash: {
    digest(data: Uint8Array): Promise<Uint8Array>;
    mac(key: Uint8Array, data: Uint8Array): Promise<Uint8Array>;
    verifyMac(key: Uint8Array, mac: Uint8Array, data: Uint8Array): Promise<boolean>;
  };
  readonly kdf: {
    extract(salt: Uint8Array, ikm: Uint8Array): Promise<Uint8Array>;
    expand(prk: Uint8Array, info: Uint8Array, length: number): Promise<Uint8Array>;
    readonly size: number;
  };
}

/**
 * A suite of ts-mls over SHA-256 whose hashes and keys are computed at once: WebCrypto's way through a thread for each is
 * most of what its members cost in a test.
 */
export function quickened<Suite extends HashAndKdf>(suite: Suite): Suite {
  return {
    ...suite,
    hash: {
      digest: async (data) => new Uint8Array(createHash('sha256').update(data).digest()),
      mac: async (key, data) => mac(key, data),
      verifyMac: async (key, given, data) => given.length === 32 && timingSafeEqual(given, mac(key, data)),
    },
    kdf: {
      size: 32,
      extract: async (salt, ikm) => mac(salt, ikm),
      async expand(prk, info, length) {
        const out = new Uint8Array(32 * Math.ceil(length / 32));
        let block: Uint8Array = new Uint8Array(0);
        for (let i = 1; i <= out.length / 32; i++) {
          block = mac(prk, block, info, Uint8Array.of(i));
          out.set(block, 32 * (i - 1));
        }
        return out.slice(0, length);
      },
    },
  };
}

function mac(key: Uint8Array, ...data: readonly Uint8Array[]): Uint8Array {
  const hmac = createHmac('sha256', key);
  for (const part of data) hmac.update(part);
  return new Uint8Array(hmac.digest());
}
