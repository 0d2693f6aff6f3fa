import { connect, createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import { once } from 'node:events';

/** A TCP relay in front of a gateway, whose connections a test can break, stop or watch. */
export class Proxy implements AsyncDisposable {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  /** Connections accepted so far. */
  accepted = 0;

  private constructor(server: Server) {
    this.#server = server;
  }

  /** Relays to the port of a `sotto://` address. */
  static async start(address: string): Promise<Proxy> {
    const server = createServer();
    const proxy = new Proxy(server);
    const port = Number(/:(\d+)\//.exec(address)?.[1]);
    server.on('connection', (inner) => {
      proxy.accepted++;
      const outer = connect(port, '127.0.0.1');
      for (const [from, to] of [
        [inner, outer],
        [outer, inner],
      ] as const) {
        proxy.#sockets.add(from);
        from.setNoDelay(true);
        from.on('error', () => undefined);
        from.on('close', () => {
          proxy.#sockets.delete(from);
          to.destroy();
        });
        from.pipe(to);
      }
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return proxy;
  }

  /** The gateway's address by way of the relay. */
  addressOf(address: string): string {
    const { port } = this.#server.address() as AddressInfo;
    return address.replace(/:\d+\//, `:${port}/`);
  }

  /** Breaks every connection. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  /** Lets nothing more through on the connections there are, and does not close them: as when a network is left. */
  freeze(): void {
    for (const socket of this.#sockets) {
      socket.unpipe();
      socket.pause();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.cut();
    this.#server.close();
    await once(this.#server, 'close');
  }
}
