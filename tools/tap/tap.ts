import { existsSync, readFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import type { Socket } from 'node:net';
import { readHttp } from './http-flow.ts';
import type { HttpSide } from './http-flow.ts';
import { decryptTls, parseKeyLog } from './tls-flow.ts';

/**
 * A tap between clients and a gateway. It forwards bytes as they are, so that pinning and channel binding stay in force,
 * and records them; with the key logs of the programs at both ends (`node --tls-keylog=FILE`) it then shows what a
 * gateway sees inside its TLS.
 */
export interface Tap {
  /** Clients connect here instead of to the gateway. */
  readonly port: number;
  /** Bytes recorded so far, encrypted. */
  recordedBytes(): number;
  /** Everything recorded so far, decrypted. Throws when something cannot be read. */
  read(): TappedConnection[];
  close(): Promise<void>;
}

/** What was said on one connection. */
export interface TappedConnection {
  readonly http2: boolean;
  readonly fromClient: Buffer;
  readonly fromServer: Buffer;
  readonly requests: readonly HttpSide[];
  readonly answers: readonly HttpSide[];
}

export interface TapOptions {
  /** Where clients connect; 0: any free port. */
  readonly listenPort: number;
  readonly gatewayPort: number;
  /** Key logs of the programs at either end; files that do not exist (yet) are left out. */
  readonly keyLogs: () => readonly string[];
}

const PREFACE = Buffer.from('PRI * HTTP/2.0');

/** Starts forwarding on loopback. */
export async function startTap(options: TapOptions): Promise<Tap> {
  const flows: { client: Buffer[]; server: Buffer[] }[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const flow: { client: Buffer[]; server: Buffer[] } = { client: [], server: [] };
    flows.push(flow);
    const gateway = connect(options.gatewayPort, '127.0.0.1');
    for (const [from, to, parts] of [
      [client, gateway, flow.client],
      [gateway, client, flow.server],
    ] as const) {
      sockets.add(from);
      from.setNoDelay(true);
      // Recorded before it is passed on: what the other side may have seen is in the record.
      from.on('data', (chunk: Buffer) => {
        parts.push(chunk);
        to.write(chunk);
      });
      from.on('end', () => to.end());
      from.on('error', () => to.destroy());
      from.on('close', () => {
        sockets.delete(from);
        to.destroy();
      });
    }
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.listenPort, '127.0.0.1', resolve);
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return {
    port: address.port,
    recordedBytes: () =>
      flows.reduce((sum, flow) => sum + [...flow.client, ...flow.server].reduce((s, { length }) => s + length, 0), 0),
    read() {
      const logs = options.keyLogs().filter((file) => existsSync(file));
      const keys = parseKeyLog(logs.map((file) => readFileSync(file, 'utf8')).join('\n'));
      const connections: TappedConnection[] = [];
      for (const flow of flows) {
        const clear = decryptTls(Buffer.concat(flow.client), Buffer.concat(flow.server), keys);
        if (clear === null) continue;
        const { client, server: answer } = clear;
        const http2 = client.bytes.subarray(0, PREFACE.length).equals(PREFACE);
        connections.push({
          http2,
          fromClient: client.bytes,
          fromServer: answer.bytes,
          requests: readHttp(client.bytes, http2),
          answers: readHttp(answer.bytes, http2),
        });
      }
      return connections;
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Everything of a connection in which a text could be readable, by name. */
export function readableParts(connection: TappedConnection): { readonly name: string; readonly bytes: Buffer }[] {
  const parts = [
    { name: 'bytes to the gateway', bytes: connection.fromClient },
    { name: 'bytes from the gateway', bytes: connection.fromServer },
  ];
  for (const [direction, sides] of [
    ['to', connection.requests],
    ['from', connection.answers],
  ] as const) {
    for (const { headers, body, decompressed } of sides) {
      parts.push({ name: `headers ${direction} the gateway`, bytes: Buffer.from(headers.flat().join('\n'), 'latin1') });
      parts.push({ name: `a body ${direction} the gateway`, bytes: body });
      for (const bytes of decompressed) parts.push({ name: `a compressed message ${direction} the gateway`, bytes });
    }
  }
  return parts;
}
