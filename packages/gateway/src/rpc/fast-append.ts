import { constants } from 'node:http2';
import type { ServerHttp2Stream } from 'node:http2';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { codeToHttpStatus, errorToJsonBytes } from '@connectrpc/connect/protocol-connect';
import { AppendRequestSchema, AppendResponseSchema, GroupLogService, Refusal } from '@sotto/wire';
import type { AppendRequest } from '@sotto/wire';
import { REQUEST_MS } from '../limits.ts';
import { malformed, Refused } from '../refused.ts';
import { appendEntry, appendRequestBytes } from './append-entry.ts';
import type { Call } from './context.ts';
import { toConnectError } from './errors.ts';
import type { Gate } from './gate.ts';
import type { ServiceParts } from './parts.ts';
import { logUnforeseen } from './wrap.ts';

/** A unary call in Connect's binary protocol. */
export const UNARY_CONTENT_TYPE = 'application/proto';

/** Serves one call on its HTTP/2 stream. */
export type FastAppend = (stream: ServerHttp2Stream, call: Call, authorization: string | null) => void;

/**
 * Appends over HTTP/2 in Connect's binary protocol, without Connect's layers: half of what an append costs would be
 * theirs (docs/performance.md). Answers as Connect does, byte for byte but for headers that say nothing.
 */
export function createFastAppend(parts: ServiceParts, gate: Gate): FastAppend {
  const method = GroupLogService.method.append;
  const largest = appendRequestBytes(parts.limits);
  const serve = async (stream: ServerHttp2Stream, call: Call, authorization: string | null): Promise<void> => {
    try {
      await gate({ method, peer: call.peer, authorization });
      const body = await readBody(stream, call, largest, parts);
      if (body === null) return;
      const answer = await appendEntry(parts, call.peer, parse(body));
      if (stream.destroyed) return;
      stream.respond({ ':status': 200, 'content-type': UNARY_CONTENT_TYPE });
      stream.end(toBinary(AppendResponseSchema, create(AppendResponseSchema, answer)));
    } catch (error) {
      logUnforeseen(parts.log, method.localName, error);
      refuse(stream, error);
    }
  };
  return (stream, call, authorization) => {
    // Reported by `close`; without a listener it would end the process.
    stream.on('error', () => undefined);
    void serve(stream, call, authorization);
  };
}

function parse(body: Uint8Array): AppendRequest {
  try {
    return fromBinary(AppendRequestSchema, body);
  } catch (cause) {
    throw malformed('the request does not parse', cause);
  }
}

function refuse(stream: ServerHttp2Stream, error: unknown): void {
  if (stream.destroyed) return;
  const refused = toConnectError(error);
  stream.respond({ ':status': codeToHttpStatus(refused.code), 'content-type': 'application/json' });
  stream.end(errorToJsonBytes(refused, undefined));
  // What is still coming is not waited for.
  if (!stream.readableEnded) stream.close(constants.NGHTTP2_NO_ERROR);
}

/** Null: the caller went away. Throws `Refused` `TOO_LARGE`, `UNAVAILABLE`. */
function readBody(
  stream: ServerHttp2Stream,
  call: Call,
  largest: number,
  { memory, clock }: Pick<ServiceParts, 'memory' | 'clock'>,
): Promise<Uint8Array | null> {
  const chunks: Buffer[] = [];
  let held = 0;
  const cancelDeadline = clock.after(REQUEST_MS, call.reset);
  return new Promise<Uint8Array | null>((resolve, reject) => {
    stream.on('data', (chunk: Buffer) => {
      try {
        if (held + chunk.length > largest) throw new Refused(Refusal.TOO_LARGE, 'the request is too large');
        memory.unfinished(chunk.length);
        held += chunk.length;
        chunks.push(chunk);
      } catch (error) {
        stream.removeAllListeners('data');
        reject(error);
      }
    });
    stream.once('end', () =>
      resolve(chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks)),
    );
    stream.once('close', () => resolve(null));
  }).finally(() => {
    cancelDeadline();
    memory.unfinished(-held);
  });
}
