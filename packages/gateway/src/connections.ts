import type { Http2Server, ServerHttp2Session } from 'node:http2';
import type { Socket } from 'node:net';
import { every } from './clock.ts';
import type { Clock } from './clock.ts';
import { IDLE_CONNECTION_MS } from './limits.ts';
import type { Limits } from './limits.ts';
import { callerOf } from './peer-address.ts';

/** ms between the kernel's own probes of a silent connection: finds devices that vanished, costs them no wake-up. */
const KEEP_ALIVE_MS = 120_000;
const SWEEP_MS = 15_000;
/** ms between the goodbye to a session and the end of its socket. */
const LINGER_MS = 1000;

interface Connected {
  readonly session: ServerHttp2Session;
  /** Of its socket. */
  readonly name: string;
  streams: number;
  idleSince: number;
}

/** Counts connections, refuses those over the limits before TLS costs anything, and closes idle ones. */
export class Connections {
  /** By remote address and port, which is how a session names its socket. */
  readonly #sockets = new Map<string, Socket>();
  readonly #byCaller = new Map<string, number>();
  readonly #sessions = new Set<Connected>();
  readonly #limits: Limits;
  readonly #clock: Clock;
  readonly #refuse: () => boolean;
  readonly #stop: () => void;
  #closing = false;

  /** `refuse` says whether new connections are refused for the moment. */
  constructor(server: Http2Server, limits: Limits, clock: Clock, refuse: () => boolean) {
    this.#limits = limits;
    this.#clock = clock;
    this.#refuse = refuse;
    server.on('connection', (socket: Socket) => this.#connected(socket));
    server.on('session', (session) => this.#began(session));
    this.#stop = every(clock, SWEEP_MS, () => this.#closeIdle());
  }

  get size(): number {
    return this.#sockets.size;
  }

  /** Ends every connection: politely, so that what is under way still ends well. */
  close(): void {
    this.#closing = true;
    this.#stop();
    for (const connected of this.#sessions) this.#part(connected);
  }

  /** Ends every connection at once. */
  destroy(): void {
    for (const socket of this.#sockets.values()) socket.destroy();
  }

  #connected(socket: Socket): void {
    const caller = callerOf(socket.remoteAddress);
    const fromCaller = this.#byCaller.get(caller) ?? 0;
    const full = this.#sockets.size >= this.#limits.connections || fromCaller >= this.#limits.connectionsPerAddress;
    if (full || this.#closing || this.#refuse()) {
      socket.destroy();
      return;
    }
    const name = nameOf(socket);
    this.#sockets.set(name, socket);
    this.#byCaller.set(caller, fromCaller + 1);
    socket.setKeepAlive(true, KEEP_ALIVE_MS);
    socket.setNoDelay(true);
    socket.once('close', () => {
      this.#sockets.delete(name);
      const left = (this.#byCaller.get(caller) ?? 1) - 1;
      if (left === 0) this.#byCaller.delete(caller);
      else this.#byCaller.set(caller, left);
    });
  }

  #began(session: ServerHttp2Session): void {
    const connected = { session, name: nameOf(session.socket), streams: 0, idleSince: this.#clock.now() };
    this.#sessions.add(connected);
    session.on('stream', (stream) => {
      connected.streams++;
      stream.once('close', () => {
        connected.streams--;
        connected.idleSince = this.#clock.now();
        if (this.#closing) this.#part(connected);
      });
    });
    session.once('close', () => this.#sessions.delete(connected));
    // Without a listener a broken connection would end the process.
    session.on('error', () => session.destroy());
    if (this.#closing) this.#part(connected);
  }

  /** Says goodbye; when nothing is under way, one who does not hang up in turn is not waited for. */
  #part({ session, name, streams }: Connected): void {
    session.close();
    if (streams === 0) this.#clock.after(LINGER_MS, () => this.#sockets.get(name)?.destroy());
  }

  #closeIdle(): void {
    const limit = this.#clock.now() - IDLE_CONNECTION_MS;
    for (const connected of this.#sessions) {
      if (connected.streams === 0 && connected.idleSince < limit) this.#part(connected);
    }
  }
}

function nameOf({ remoteAddress, remotePort }: Pick<Socket, 'remoteAddress' | 'remotePort'>): string {
  return `${remoteAddress ?? ''} ${remotePort ?? ''}`;
}
