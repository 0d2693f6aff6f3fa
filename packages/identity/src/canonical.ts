import { fromBinary, toBinary } from '@bufbuild/protobuf';
import type { DescMessage, MessageShape } from '@bufbuild/protobuf';
import { equalBytes } from '@sotto/wire';
import { IdentityError } from './error.ts';

/**
 * Parses a message that must be written the one canonical way, without unknown fields: what is signed has one reading.
 * Throws `IdentityError` `malformed`.
 */
export function parseCanonical<Desc extends DescMessage>(schema: Desc, bytes: Uint8Array): MessageShape<Desc> {
  let message: MessageShape<Desc>;
  try {
    message = fromBinary(schema, bytes, { readUnknownFields: false });
  } catch (cause) {
    throw new IdentityError('malformed', 'the bytes do not parse', { cause });
  }
  if (!equalBytes(toBinary(schema, message), bytes)) {
    throw new IdentityError('malformed', 'unknown fields, or not the one way to write them');
  }
  return message;
}
