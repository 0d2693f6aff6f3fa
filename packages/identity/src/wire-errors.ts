import { WireError } from '@sotto/wire';
import { IdentityError } from './error.ts';

/** Runs a parser of the wire; its errors come out as `IdentityError` with the same meaning. */
export function parsing<T>(parse: () => T): T {
  try {
    return parse();
  } catch (cause) {
    if (!(cause instanceof WireError)) throw cause;
    switch (cause.code) {
      case 'signature':
        throw new IdentityError('signature', 'a signature is missing or wrong', { cause });
      case 'unknown_version':
      case 'unknown_suite':
        throw new IdentityError('unknown_version', 'made by a newer program', { cause });
      case 'too_large':
        throw new IdentityError('too_large', 'over a limit', { cause });
      case 'text':
      case 'malformed':
      case 'not_canonical':
      case 'length':
      case 'range':
      case 'padding':
      case 'checksum':
        throw new IdentityError('malformed', 'the bytes do not parse', { cause });
    }
  }
}
