import type { CryptoProvider } from '@sotto/crypto';
import { bytesAt, labelAt, listOf, numberAt, optionalBytesAt, textAt } from './fields.ts';
import type { Fields } from './fields.ts';
import { compare, NotOffered, outcomeOf } from './outcome.ts';
import type { Difference } from './outcome.ts';
import type { VectorRunner } from './runner.ts';

/** Argon2, RFC 9106, as a list of {type, version, memoryKiB, passes, parallelism, tagLength, password, salt, tag, …}. */
export const argon2: VectorRunner = argon2Within(2 ** 21);

/** The same, skipping cases that need more memory than this. */
export function argon2Within(maxMemoryKiB: number): VectorRunner {
  return {
    name: 'Argon2',
    recognises: (fileName) => /argon2.*\.json$/i.test(fileName),
    async *run(json, provider) {
      for (const [index, fields] of listOf(json).entries()) {
        const name = `#${index} ${labelAt(fields, 'encoded') || labelAt(fields, 'source')}`.trim();
        yield await outcomeOf(name, () => check(fields, provider, maxMemoryKiB));
      }
    },
  };
}

async function check(fields: Fields, provider: CryptoProvider, maxMemoryKiB: number): Promise<Difference> {
  const type = textAt(fields, 'type').toLowerCase();
  const version = numberAt(fields, 'version');
  const memoryKiB = numberAt(fields, 'memoryKiB');
  // Sotto derives keys with Argon2id version 1.3 only, what RFC 9106 §4 recommends.
  if (type !== 'argon2id' || version !== 0x13) throw new NotOffered(`${type} version 0x${version.toString(16)}`);
  if (memoryKiB > maxMemoryKiB) throw new NotOffered(`more than ${maxMemoryKiB / 1024} MiB of memory`);
  const secret = optionalBytesAt(fields, 'secret');
  const associatedData = optionalBytesAt(fields, 'ad');
  using tag = await provider.argon2id(
    bytesAt(fields, 'password'),
    bytesAt(fields, 'salt'),
    {
      memoryKiB,
      passes: numberAt(fields, 'passes'),
      lanes: numberAt(fields, 'parallelism'),
      length: numberAt(fields, 'tagLength'),
    },
    { ...(secret === null ? {} : { secret }), ...(associatedData === null ? {} : { associatedData }) },
  );
  return compare('tag', tag.reveal(), bytesAt(fields, 'tag'));
}
