import { argon2 } from 'node:crypto';
import { requireArgon2Parameters } from '../argon2.ts';
import { CryptoError } from '../error.ts';
import type { Argon2Extras, Argon2Parameters, Bytes } from '../provider.ts';
import { bytesOf } from '../secret.ts';
import type { Secret } from '../secret.ts';
import { secretOf } from './bytes.ts';

/** On libuv's thread pool. */
export async function argon2id(
  password: Bytes,
  salt: Uint8Array,
  parameters: Argon2Parameters,
  extras: Argon2Extras = {},
): Promise<Secret> {
  requireArgon2Parameters(salt, parameters);
  const { promise, resolve, reject } = Promise.withResolvers<Secret>();
  argon2(
    'argon2id',
    {
      message: bytesOf(password),
      nonce: salt,
      memory: parameters.memoryKiB,
      passes: parameters.passes,
      parallelism: parameters.lanes,
      tagLength: parameters.length,
      ...(extras.secret === undefined ? {} : { secret: bytesOf(extras.secret) }),
      ...(extras.associatedData === undefined ? {} : { associatedData: extras.associatedData }),
    },
    (error, key) => {
      if (error === null) resolve(secretOf(key));
      else reject(new CryptoError('parameters', 'Argon2 could not run with these parameters', { cause: error }));
    },
  );
  return promise;
}
