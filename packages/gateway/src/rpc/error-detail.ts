import { create, toBinary, toJson } from '@bufbuild/protobuf';
import type { UniversalServerResponse } from '@connectrpc/connect/protocol';
import { ErrorDetailSchema, Refusal } from '@sotto/wire';

/** Errors that Connect itself raises before a method is reached, as refusals. */
const REFUSALS: Readonly<Record<string, Refusal>> = {
  invalid_argument: Refusal.MALFORMED,
  internal: Refusal.MALFORMED,
  resource_exhausted: Refusal.TOO_LARGE,
  unimplemented: Refusal.UNSUPPORTED_VERSION,
};

interface ErrorJson {
  readonly code?: string;
  readonly details?: readonly unknown[];
}

/**
 * A unary Connect error as it came out of Connect, with an ErrorDetail if it has none yet: bodies that do not parse or
 * are too large are refused before our code sees them, and are no less coded for that.
 */
export async function withDetail(response: UniversalServerResponse): Promise<UniversalServerResponse> {
  const { header, body } = response;
  if (response.status === 200 || header?.get('content-type') !== 'application/json' || body === undefined)
    return response;
  const parts: Uint8Array[] = [];
  for await (const part of body) parts.push(part);
  const original = Buffer.concat(parts);
  const error = JSON.parse(original.toString('utf8')) as ErrorJson;
  const refusal = REFUSALS[error.code ?? ''];
  if (error.details !== undefined || refusal === undefined) return { ...response, body: once(original) };
  const detail = create(ErrorDetailSchema, { refusal });
  const details = [
    {
      type: ErrorDetailSchema.typeName,
      value: Buffer.from(toBinary(ErrorDetailSchema, detail)).toString('base64').replace(/=+$/, ''),
      debug: toJson(ErrorDetailSchema, detail),
    },
  ];
  const bytes = Buffer.from(JSON.stringify({ ...error, details }), 'utf8');
  const headers = new Headers(header);
  headers.set('content-length', String(bytes.length));
  return { ...response, header: headers, body: once(bytes) };
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}
