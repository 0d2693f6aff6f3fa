import { connect } from 'node:http2';
import type { ClientHttp2Session, ClientHttp2Stream, OutgoingHttpHeaders } from 'node:http2';
import type { TLSSocket } from 'node:tls';
import type { Transport as ConnectTransport } from '@connectrpc/connect';
import { createConnectTransport } from '@connectrpc/connect-node';
import { formatGatewayAddress, LOGIN_EXPORTER_LABEL } from '@sotto/wire';
import type { GatewayAddress } from '@sotto/wire';
import type { Clock } from '@sotto/transport';
import { GatewayApiError } from './error.ts';
import { openTls } from './tls.ts';

const BINDING_BYTES = 32;
/** ms for TCP and TLS. */
const CONNECT_MS = 10_000;
/** ms for the answer of a connection that is in doubt. */
const PONG_MS = 3000;
/** Largest answer: a poll's page, a chain. */
const READ_BYTES = 8 * 1024 * 1024;
const SETTINGS = { enablePush: false, initialWindowSize: 1024 * 1024 };

/** One live HTTP/2 session over a verified TLS connection. */
export interface Session {
  readonly http2: ClientHttp2Session;
  /** TLS exporter of this connection (RFC 8446 §7.5), 32 bytes. */
  readonly channelBinding: Uint8Array;
}

/** A connection to one gateway that opens when it is needed and again after it broke. */
export class Connection {
  readonly authority: string;
  /** For `createClient`. */
  readonly transport: ConnectTransport;
  readonly clock: Clock;
  readonly #address: GatewayAddress;
  readonly #closing = new AbortController();
  #session: Session | undefined;
  #opening: Promise<Session> | undefined;
  #doubted: Session | undefined;

  constructor(address: GatewayAddress, clock: Clock) {
    this.#address = address;
    this.clock = clock;
    this.authority = formatGatewayAddress(address)
      .replace('sotto://', 'https://')
      .replace(/\/[^/]*$/, '');
    this.transport = createConnectTransport({
      baseUrl: this.authority,
      httpVersion: '2',
      sessionManager: this,
      acceptCompression: [],
      readMaxBytes: READ_BYTES,
    });
  }

  /** The session in use, if there is one. */
  get current(): Session | undefined {
    return this.#session;
  }

  /** The session in use, or a new one; callers share one attempt. */
  async open(): Promise<Session> {
    if (this.#closing.signal.aborted) throw this.#closing.signal.reason;
    if (this.#session !== undefined) return this.#session;
    this.#opening ??= this.#connect().finally(() => {
      this.#opening = undefined;
    });
    return this.#opening;
  }

  /** For connect-node. */
  async request(
    method: string,
    path: string,
    headers: OutgoingHttpHeaders,
    options: object,
  ): Promise<ClientHttp2Stream> {
    const { http2 } = await this.open();
    return http2.request({ ...headers, ':method': method, ':path': path }, options);
  }

  /** For connect-node; the gateway decides when an idle connection ends. */
  notifyResponseByteRead(): void {}

  /**
   * Asks whether the other side is still there, and drops the connection if nothing comes back: after a change of
   * networks TCP itself takes a quarter of an hour to notice, and until then every call would go nowhere.
   */
  doubt(): void {
    const session = this.#session;
    if (session === undefined || this.#doubted === session) return;
    this.#doubted = session;
    const settle = (): void => {
      if (this.#doubted === session) this.#doubted = undefined;
    };
    const cancel = this.clock.after(PONG_MS, () => {
      settle();
      if (this.#session === session) this.#session = undefined;
      session.http2.destroy(new GatewayApiError('unreachable', 'the gateway has fallen silent'));
    });
    const asked = session.http2.ping((error) => {
      if (error !== null) return;
      cancel();
      settle();
    });
    // A session that takes no more pings is at its end already.
    if (!asked) settle();
  }

  /** Ends everything under way with `closed`. */
  close(): void {
    this.#closing.abort(new GatewayApiError('closed', 'the connection was closed'));
    // With an error: streams of a session that is destroyed without one may never tell whoever waits for them.
    this.#session?.http2.destroy(new GatewayApiError('closed', 'the connection was closed'));
    this.#session = undefined;
  }

  async #connect(): Promise<Session> {
    const deadline = new AbortController();
    const cancel = this.clock.after(CONNECT_MS, () => {
      deadline.abort(new GatewayApiError('unreachable', 'the gateway does not answer'));
    });
    const signal = AbortSignal.any([deadline.signal, this.#closing.signal]);
    try {
      const socket = await openTls(this.#address, () => this.clock.now(), signal);
      const session = await this.#begin(socket, signal);
      this.#session = session;
      return session;
    } finally {
      cancel();
    }
  }

  #begin(socket: TLSSocket, signal: AbortSignal): Promise<Session> {
    const channelBinding = socket.exportKeyingMaterial(BINDING_BYTES, LOGIN_EXPORTER_LABEL, Buffer.alloc(0));
    const http2 = connect(this.authority, { createConnection: () => socket, settings: SETTINGS });
    const session = { http2, channelBinding };
    const forget = (): void => {
      if (this.#session === session) this.#session = undefined;
    };
    http2.setLocalWindowSize(SETTINGS.initialWindowSize * 4);
    http2.on('goaway', forget);
    http2.on('close', forget);
    http2.on('error', forget);
    // An idle connection does not keep a program alive; calls under way hold it through their own timers and streams.
    return new Promise((resolve, reject) => {
      const onAbort = (): void => {
        http2.destroy();
        reject(signal.reason as Error);
      };
      if (signal.aborted) return onAbort();
      signal.addEventListener('abort', onAbort, { once: true });
      const settle = (finish: () => void) => () => {
        signal.removeEventListener('abort', onAbort);
        finish();
      };
      http2.once(
        'connect',
        settle(() => resolve(session)),
      );
      http2.once(
        'close',
        settle(() => reject(new GatewayApiError('unreachable', 'the gateway closed the connection'))),
      );
    });
  }
}
