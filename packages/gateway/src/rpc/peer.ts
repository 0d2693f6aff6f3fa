import type { Http2Session } from 'node:http2';
import type { TLSSocket } from 'node:tls';
import { LOGIN_EXPORTER_LABEL } from '@sotto/wire';
import { callerOf } from '../peer-address.ts';

const BINDING_BYTES = 32;

/** One connection, as far as services care. */
export interface PeerLink {
  /** What rate limits count by; for memory only. */
  readonly caller: string;
  /** Calls share it (HTTP/2). HTTP/1.1 libraries share connections behind their callers' backs: there a login means nothing. */
  readonly multiplexed: boolean;
  /** TLS exporter (RFC 8446 §7.5) of the connection, 32 bytes. Throws when it is gone already. */
  binding(): Uint8Array;
  /** Ends the connection. */
  close(): void;
}

/** The other end of one connection. */
export class Peer {
  /** Posts refused because of their capability. */
  wrongCapabilities = 0;
  readonly #link: PeerLink;
  #loggedIn = false;
  #binding: Uint8Array | undefined;

  constructor(link: PeerLink) {
    this.#link = link;
  }

  /** What rate limits count by; for memory only. */
  get caller(): string {
    return this.#link.caller;
  }

  /** A device has logged in on this connection: from then on nothing is posted here. */
  get loggedIn(): boolean {
    return this.#loggedIn;
  }

  /** TLS exporter (RFC 8446 §7.5) of the connection, 32 bytes; null when it is gone already. */
  channelBinding(): Uint8Array | null {
    try {
      this.#binding ??= this.#link.binding();
      return this.#binding;
    } catch {
      return null;
    }
  }

  markLoggedIn(): void {
    this.#loggedIn = this.#link.multiplexed;
  }

  /** Ends the connection. */
  close(): void {
    this.#link.close();
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
    peer = new Peer(linkOf(socket, session));
    peers.set(key, peer);
  }
  return peer;
}

function linkOf(socket: TLSSocket, session: Http2Session | undefined): PeerLink {
  return {
    caller: callerOf(socket.remoteAddress),
    multiplexed: session !== undefined,
    binding: () => socket.exportKeyingMaterial(BINDING_BYTES, LOGIN_EXPORTER_LABEL, Buffer.alloc(0)),
    close: () => {
      if (session === undefined) socket.destroy();
      else session.destroy();
    },
  };
}
