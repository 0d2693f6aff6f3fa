import type { Http2Session } from 'node:http2';
import type { TLSSocket } from 'node:tls';
import { LOGIN_EXPORTER_LABEL } from '@sotto/wire';
import { callerOf } from '../peer-address.ts';

const BINDING_BYTES = 32;

/** The other end of one TLS connection. */
export class Peer {
  /** What rate limits count by; for memory only. */
  readonly caller: string;
  /** A device has logged in here: from then on nothing is posted here. */
  loggedIn = false;
  /** Posts refused because of their capability. */
  wrongCapabilities = 0;
  readonly #socket: TLSSocket;
  readonly #close: () => void;
  #binding: Uint8Array | undefined;

  constructor(socket: TLSSocket, close: () => void) {
    this.#socket = socket;
    this.#close = close;
    this.caller = callerOf(socket.remoteAddress);
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

  /** Ends the connection. */
  close(): void {
    this.#close();
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
    peer = new Peer(socket, () => (session === undefined ? socket.destroy() : session.destroy()));
    peers.set(key, peer);
  }
  return peer;
}
