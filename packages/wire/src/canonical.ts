import { fromBinary, toBinary } from '@bufbuild/protobuf';
import type { DescMessage, MessageShape } from '@bufbuild/protobuf';
import { equalBytes } from './bytes.ts';
import { WireError } from './error.ts';

/**
 * Parses protobuf that is written in one way only: no unknown fields, fields in order, nothing said twice. Throws
 * `WireError`: `malformed`, `not_canonical`.
 */
export function parseCanonical<Desc extends DescMessage>(schema: Desc, bytes: Uint8Array): MessageShape<Desc> {
  let message;
  try {
    message = fromBinary(schema, bytes, { readUnknownFields: false });
  } catch (cause) {
    throw new WireError('malformed', 'not the expected message', { cause });
  }
  if (!equalBytes(toBinary(schema, message), bytes)) {
    throw new WireError('not_canonical', 'unknown fields, or not the one way to write them');
  }
  return message;
}
