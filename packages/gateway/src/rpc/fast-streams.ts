import type { ServerHttp2Stream } from 'node:http2';
import { ConnectRequestSchema, DeviceService, PostService, PostStreamRequestSchema } from '@sotto/wire';
import { DEVICE_FRAME_BYTES, POST_FRAME_BYTES } from '../limits.ts';
import type { Call } from './context.ts';
import { encodeDeviceFrame } from './device-frame.ts';
import { DeviceStream } from './device-stream.ts';
import { driveFrames, FRAMES_CONTENT_TYPE } from './drive-frames.ts';
import type { Gate } from './gate.ts';
import type { ServiceParts } from './parts.ts';
import { encodePostFrame } from './post-frame.ts';
import { PostStream } from './post-stream.ts';
import { Rejection } from './rejection.ts';

/** Headers under which Connect's own handler is asked: it knows all about deadlines and compression. */
const ELABORATE = ['connect-timeout-ms', 'connect-content-encoding'];

const POST_PATH = `/${PostService.typeName}/${PostService.method.postStream.name}`;
const DEVICE_PATH = `/${DeviceService.typeName}/${DeviceService.method.connect.name}`;
const POST_FRAMES = {
  request: PostStreamRequestSchema,
  encode: encodePostFrame,
  readMaxBytes: POST_FRAME_BYTES,
};
const DEVICE_FRAMES = {
  request: ConnectRequestSchema,
  encode: encodeDeviceFrame,
  readMaxBytes: DEVICE_FRAME_BYTES,
};

/** Serves a call and returns true, or leaves it to Connect. */
export type FastStreams = (
  stream: ServerHttp2Stream,
  headers: Readonly<Record<string, unknown>>,
  call: Call,
) => boolean;

/**
 * The two hot streams over HTTP/2 in Connect's binary protocol, without Connect's layers. Everything else (gRPC, JSON,
 * HTTP/1.1) takes the ordinary way; both ways run the same stream and the same gate.
 */
export function createFastStreams(parts: ServiceParts, gate: Gate): FastStreams {
  const { streams, clock, memory } = parts;
  const serve = async (stream: ServerHttp2Stream, call: Call, authorization: string | null, post: boolean) => {
    const options = { reset: call.reset, streams, clock, memory };
    const method = post ? PostService.method.postStream : DeviceService.method.connect;
    try {
      const device = await gate({ method, peer: call.peer, authorization });
      if (stream.destroyed) return;
      if (device === null) driveFrames(new PostStream(parts, call.peer), stream, { ...POST_FRAMES, ...options });
      else driveFrames(new DeviceStream(parts, device), stream, { ...DEVICE_FRAMES, ...options });
    } catch (error) {
      if (!stream.destroyed) driveFrames(new Rejection(error), stream, { ...DEVICE_FRAMES, ...options });
    }
  };
  return (stream, headers, call) => {
    const path = headers[':path'];
    const fast =
      (path === POST_PATH || path === DEVICE_PATH) &&
      headers[':method'] === 'POST' &&
      headers['content-type'] === FRAMES_CONTENT_TYPE &&
      ELABORATE.every((name) => headers[name] === undefined);
    if (!fast) return false;
    const { authorization } = headers;
    void serve(stream, call, typeof authorization === 'string' ? authorization : null, path === POST_PATH);
    return true;
  };
}
