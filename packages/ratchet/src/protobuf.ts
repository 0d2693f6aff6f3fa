import { fromBinary, toBinary } from '@bufbuild/protobuf';
import type { DescMessage, MessageShape } from '@bufbuild/protobuf';
import { equalBytes } from '@sotto/wire';
import { RatchetError } from './error.ts';

/** Parses protobuf strictly: no unknown fields, and only the one way to write it. Throws `RatchetError` `malformed`. */
export function parseStrict<Schema extends DescMessage>(schema: Schema, bytes: Uint8Array): MessageShape<Schema> {
  let message;
  try {
    message = fromBinary(schema, bytes, { readUnknownFields: false });
  } catch (cause) {
    throw new RatchetError('malformed', 'not the expected message', { cause });
  }
  if (!equalBytes(toBinary(schema, message), bytes)) {
    throw new RatchetError('malformed', 'unknown fields, or not the one way to write them');
  }
  return message;
}
