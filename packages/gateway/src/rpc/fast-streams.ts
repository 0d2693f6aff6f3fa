import type { ServerHttp2Stream } from 'node:http2';
import type { DescMethod } from '@bufbuild/protobuf';
import {
  ConnectRequestSchema,
  DeviceService,
  FollowRequestSchema,
  GroupLogService,
  PostService,
  PostStreamRequestSchema,
} from '@sotto/wire';
import { DEVICE_FRAME_BYTES, FOLLOW_FRAME_BYTES, POST_FRAME_BYTES } from '../limits.ts';
import type { Call } from './context.ts';
import { encodeDeviceFrame } from './device-frame.ts';
import { DeviceStream } from './device-stream.ts';
import { driveFrames, FRAMES_CONTENT_TYPE } from './drive-frames.ts';
import { encodeFollowFrame } from './follow-frame.ts';
import { FollowStream } from './follow-stream.ts';
import { createFastAppend, UNARY_CONTENT_TYPE } from './fast-append.ts';
import type { Gate } from './gate.ts';
import type { ServiceParts } from './parts.ts';
import { encodePostFrame } from './post-frame.ts';
import { PostStream } from './post-stream.ts';
import { Rejection } from './rejection.ts';

/** Headers under which Connect's own handler is asked: it knows all about deadlines and compression. */
const ELABORATE = ['connect-timeout-ms', 'connect-content-encoding', 'content-encoding'];

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
const FOLLOW_FRAMES = {
  request: FollowRequestSchema,
  encode: encodeFollowFrame,
  readMaxBytes: FOLLOW_FRAME_BYTES,
};

const METHODS = [PostService.method.postStream, DeviceService.method.connect, GroupLogService.method.follow] as const;
const APPEND_PATH = `/${GroupLogService.typeName}/${GroupLogService.method.append.name}`;
const BY_PATH = new Map<unknown, DescMethod>(
  METHODS.map((method) => [`/${method.parent.typeName}/${method.name}`, method]),
);

/** Serves a call and returns true, or leaves it to Connect. */
export type FastStreams = (
  stream: ServerHttp2Stream,
  headers: Readonly<Record<string, unknown>>,
  call: Call,
) => boolean;

/**
 * The hot streams, and appends to logs, over HTTP/2 in Connect's binary protocol, without Connect's layers. Everything else (gRPC, JSON,
 * HTTP/1.1) takes the ordinary way; both ways run the same stream and the same gate.
 */
export function createFastStreams(parts: ServiceParts, gate: Gate): FastStreams {
  const { streams, clock, memory } = parts;
  const serve = async (stream: ServerHttp2Stream, call: Call, authorization: string | null, method: DescMethod) => {
    const { peer, reset } = call;
    const options = { reset, streams, clock, memory };
    try {
      const device = await gate({ method, peer, authorization });
      if (stream.destroyed) return;
      if (device !== null) driveFrames(new DeviceStream(parts, device), stream, { ...DEVICE_FRAMES, ...options });
      else if (method.parent.typeName === PostService.typeName) {
        driveFrames(new PostStream(parts, peer), stream, { ...POST_FRAMES, ...options });
      } else driveFrames(new FollowStream(parts, peer), stream, { ...FOLLOW_FRAMES, ...options });
    } catch (error) {
      if (!stream.destroyed) driveFrames(new Rejection(error), stream, { ...DEVICE_FRAMES, ...options });
    }
  };
  const append = createFastAppend(parts, gate);
  return (stream, headers, call) => {
    const path = headers[':path'];
    if (headers[':method'] !== 'POST' || ELABORATE.some((name) => headers[name] !== undefined)) return false;
    const authorization = typeof headers['authorization'] === 'string' ? headers['authorization'] : null;
    const type = headers['content-type'];
    const method = type === FRAMES_CONTENT_TYPE ? BY_PATH.get(path) : undefined;
    if (method !== undefined) void serve(stream, call, authorization, method);
    else if (type === UNARY_CONTENT_TYPE && path === APPEND_PATH) append(stream, call, authorization);
    else return false;
    return true;
  };
}
