import type { Http2Session } from 'node:http2';
import type { TLSSocket } from 'node:tls';
import { LOGIN_EXPORTER_LABEL } from '@sotto/wire';
import { callerOf } from '../peer-address.ts';

const BINDING_BYTES = 32;

/** The other end of one TLS connection. */
export class Peer {
  /** What rate limits count by; for memory only. */
  readonly caller: string;
  /** Posts refused because of their capability. */
  wrongCapabilities = 0;
  readonly #socket: TLSSocket;
  readonly #session: Http2Session | undefined;
  #loggedIn = false;
  #binding: Uint8Array | undefined;

  constructor(socket: TLSSocket, session: Http2Session | undefined) {
    this.#socket = socket;
    this.#session = session;
    this.caller = callerOf(socket.remoteAddress);
  }

  /**
   * A device has logged in on this HTTP/2 connection: from then on nothing is posted here. HTTP/1.1 libraries share
   * connections behind their callers' backs, so there it means nothing.
   */
  get loggedIn(): boolean {
    return this.#loggedIn;
  }

  /** TLS exporter (RFC 8446 §7.5) of the connection, 32 bytes; null when it is gone already. */
  channelBinding(): Uint8Array | null {
    try {
      this.#binding ??= this.#socket.exportKeyingMaterial(BINDING_BYTES, LOGIN_EXPORTER_LABEL, Buffer.alloc(0));
      return this.#binding;
    } catch {
      return null;
    }
  }

  markLoggedIn(): void {
    this.#loggedIn = this.#session !== undefined;
  }

  /** Ends the connection. */
  close(): void {
    if (this.#session === undefined) this.#socket.destroy();
    else this.#session.destroy();
  }
}

const peers = new WeakMap<object, Peer>();

/** The peer of a request, the same for all requests of a connection. */
export function peerOf(request: { readonly socket: TLSSocket; readonly session: Http2Session | undefined }): Peer {
  const { socket, session } = request;
  // An HTTP/2 session hands out a new proxy for its socket each time; the session itself is what stays.
  const key = session ?? socket;
  let peer = peers.get(key);
  if (peer === undefined) {
    peer = new Peer(socket, session);
    peers.set(key, peer);
  }
  return peer;
}
