import type { PrivateKey } from '@sotto/crypto';
import { hex } from './bytes.ts';
import { decodeWhole } from './codec/reader.ts';
import { Writer } from './codec/writer.ts';
import { MlsError } from './error.ts';
import type { KeyPackageKeys } from './group/join.ts';
import { EXTENSION_TYPES, extensionOf } from './messages/extension.ts';
import { keyPackageRef, readKeyPackage } from './messages/key-package.ts';
import type { KeyPackage } from './messages/key-package.ts';
import { encodeMessage } from './messages/message.ts';
import { SuiteCrypto } from './suite.ts';
import { CIPHER_SUITES } from './cipher-suites.ts';
import type { CryptoProvider } from '@sotto/crypto';

/**
 * A key package with its private keys. Store `encode()` before the public half is published, and delete it once a
 * Welcome to it was joined, unless it is a last resort.
 */
export class KeyPackageBundle implements Disposable {
  readonly keyPackage: KeyPackage;
  readonly keys: KeyPackageKeys;
  /** KeyPackageRef, RFC 9420 §5.2: a Welcome names its receivers by it. */
  readonly ref: Uint8Array;

  constructor(crypto: SuiteCrypto, keyPackage: KeyPackage, keys: KeyPackageKeys) {
    this.keyPackage = keyPackage;
    this.keys = keys;
    this.ref = keyPackageRef(crypto, keyPackage.bytes);
  }

  /** The public half, an MLSMessage. */
  get message(): Uint8Array {
    return encodeMessage({ kind: 'key_package', keyPackage: this.keyPackage });
  }

  /** `ref` as text. */
  get id(): string {
    return hex(this.ref);
  }

  get isLastResort(): boolean {
    return extensionOf(this.keyPackage.extensions, EXTENSION_TYPES.lastResort) !== null;
  }

  /** Secret: both halves. */
  encode(): Uint8Array {
    const writer = new Writer(1024).vector(this.keyPackage.bytes);
    const { initKey, leafKey, signer } = this.keys;
    for (const key of [initKey, leafKey, signer] as readonly PrivateKey[]) {
      using secret = key.export();
      writer.vector(secret.reveal());
    }
    return writer.finish();
  }

  static decode(provider: CryptoProvider, bytes: Uint8Array): KeyPackageBundle {
    return decodeWhole(bytes, (reader) => {
      const keyPackage = decodeWhole(reader.vector().slice(), readKeyPackage);
      const suite = CIPHER_SUITES.get(keyPackage.cipherSuite);
      if (suite === undefined) throw new MlsError('unsupported_suite', 'a key package has a suite that is not offered');
      const crypto = new SuiteCrypto(provider, suite);
      const initKey = crypto.importKey(reader.vector());
      const leafKey = crypto.importKey(reader.vector());
      return new KeyPackageBundle(crypto, keyPackage, {
        initKey,
        leafKey,
        signer: crypto.importSigner(reader.vector()),
      });
    });
  }

  /** Not the signer, which outlives key packages. */
  [Symbol.dispose](): void {
    this.keys.initKey[Symbol.dispose]();
    this.keys.leafKey[Symbol.dispose]();
  }
}
