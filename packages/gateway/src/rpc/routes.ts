import { createConnectRouter } from '@connectrpc/connect';
import type { ConnectRouter } from '@connectrpc/connect';
import { DeviceService, DirectoryService, GroupLogService, PostService } from '@sotto/wire';
import {
  DEVICE_FRAME_BYTES,
  DEVICE_REQUEST_BYTES,
  DIRECTORY_REQUEST_BYTES,
  FOLLOW_FRAME_BYTES,
  KEY_PACKAGES_BYTES,
  POST_FRAME_BYTES,
  POST_REQUEST_BYTES,
  REGISTER_REQUEST_BYTES,
} from '../limits.ts';
import { appendRequestBytes } from './append-entry.ts';
import { deviceService } from './device-service.ts';
import { directoryService } from './directory-service.ts';
import { createFastStreams } from './fast-streams.ts';
import type { FastStreams } from './fast-streams.ts';
import { connectGate, createGate } from './gate.ts';
import type { Admittance } from './gate.ts';
import type { ServiceParts } from './parts.ts';
import { groupLogService } from './group-log-service.ts';
import { postService } from './post-service.ts';
import { coded } from './wrap.ts';

/** Largest message we send: a page of a log, with the largest entry that an operator may allow, as JSON. */
const WRITE_BYTES = 8 * 1024 * 1024;

/** How calls are served. */
export interface Routes {
  /** Asked first. */
  readonly fastStreams: FastStreams;
  readonly handlers: ConnectRouter['handlers'];
}

/** The four services with their limits, for gRPC, gRPC-web and Connect (JSON and binary). */
export function createRoutes(parts: ServiceParts, admittance: Admittance): Routes {
  const gate = createGate(parts, admittance);
  const directory = coded(directoryService(parts), [], parts.log);
  const post = coded(postService(parts), ['postStream'], parts.log);
  const log = coded(groupLogService(parts), ['follow'], parts.log);
  const device = coded(deviceService(parts), ['connect'], parts.log);
  const router = createConnectRouter({
    requestGate: connectGate(gate),
    // What travels is sealed: compressing it wins nothing, and decompressing is a way to be flooded.
    acceptCompression: [],
    writeMaxBytes: WRITE_BYTES,
    // A misspelt field is an error, not something to pass over.
    jsonOptions: { ignoreUnknownFields: false },
  });
  router.service(DirectoryService, directory, { readMaxBytes: DIRECTORY_REQUEST_BYTES });
  router.rpc(PostService.method.post, post.post, { readMaxBytes: POST_REQUEST_BYTES });
  router.rpc(PostService.method.postStream, post.postStream, { readMaxBytes: POST_FRAME_BYTES });
  router.rpc(GroupLogService.method.append, log.append, { readMaxBytes: appendRequestBytes(parts.limits) });
  router.rpc(GroupLogService.method.readLog, log.readLog, { readMaxBytes: DIRECTORY_REQUEST_BYTES });
  router.rpc(GroupLogService.method.follow, log.follow, { readMaxBytes: FOLLOW_FRAME_BYTES });
  for (const method of DeviceService.methods) {
    const readMaxBytes = DEVICE_BYTES[method.localName] ?? DEVICE_FRAME_BYTES;
    router.rpc(method, device[method.localName as keyof typeof device] as never, { readMaxBytes });
  }
  return { fastStreams: createFastStreams(parts, gate), handlers: router.handlers };
}

/** Where a device call needs more than a frame of ids. */
const DEVICE_BYTES: Readonly<Record<string, number>> = {
  register: REGISTER_REQUEST_BYTES,
  publishStatements: REGISTER_REQUEST_BYTES,
  uploadPrekeys: DEVICE_REQUEST_BYTES,
  uploadKeyPackages: KEY_PACKAGES_BYTES,
  createCapabilities: 128 * 1024,
  revokeCapabilities: 64 * 1024,
  acknowledge: 32 * 1024,
};
