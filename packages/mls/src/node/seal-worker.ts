/** The thread of a `SealPool`. */
import { parentPort } from 'node:worker_threads';
import { nativeProvider } from '@sotto/crypto';
import { CIPHER_SUITES } from '../cipher-suites.ts';
import { MlsError } from '../error.ts';
import { SuiteCrypto } from '../suite.ts';
import type { SealReply, SealRequest } from './seal-request.ts';

const provider = nativeProvider();

parentPort?.on('message', (request: SealRequest) => {
  // A port between threads has no origin.
  // oxlint-disable-next-line unicorn/require-post-message-target-origin
  parentPort?.postMessage(seal(request));
});

function seal({ cipherSuite, label, context, receivers, lengths, plaintexts }: SealRequest): SealReply {
  try {
    const suite = CIPHER_SUITES.get(cipherSuite);
    if (suite === undefined) throw new MlsError('unsupported_suite', 'a cipher suite is not offered');
    const crypto = new SuiteCrypto(provider, suite);
    const encrypt = crypto.encryptor(label, context);
    let at = 0;
    const sealed = receivers.map((receiver, i) => {
      const plaintext = plaintexts.subarray(at, at + (lengths[i] ?? 0));
      at += plaintext.length;
      return encrypt(crypto.importPublicKey(receiver), plaintext);
    });
    return {
      // Copies, because sending a view sends all of its buffer.
      encapsulated: sealed.map(({ encapsulated }) => encapsulated.slice()),
      ciphertexts: sealed.map(({ ciphertext }) => ciphertext.slice()),
    };
  } finally {
    plaintexts.fill(0);
  }
}
