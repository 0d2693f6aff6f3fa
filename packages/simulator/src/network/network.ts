import { GatewayApiError } from '@sotto/gateway-api';
import type { Network } from '@sotto/gateway-api';
import type { SocketlessGateway } from '@sotto/gateway';
import type { Process } from '../time/process.ts';
import type { Random } from '../time/random.ts';
import { SimulatedChannel } from './channel.ts';
import { Lane } from './weather.ts';
import type { Way } from './weather.ts';

const BINDING_BYTES = 32;

/** The gateway as it runs at the moment. */
export interface Running {
  readonly process: Process;
  readonly service: SocketlessGateway;
}

export interface NetworkParts {
  readonly way: Way;
  readonly device: Process;
  readonly caller: string;
  readonly random: Random;
  /** Null: it is down. */
  readonly gateway: () => Running | null;
  readonly onSend: () => void;
}

/** The network of one device's process. */
export function simulatedNetwork(parts: NetworkParts): Network {
  const { way, device, caller, random, gateway, onSend } = parts;
  return {
    open: (_target, { signal }) =>
      new Promise((resolve, reject) => {
        device.requireAlive();
        signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
        const refused = new GatewayApiError('unreachable', 'no connection to the gateway');
        if (way.weather.kind === 'cut') {
          device.clock.after(way.latency(), () => reject(refused));
          return;
        }
        // There and back for TCP and again for TLS.
        const lane = new Lane();
        way.carry(lane, () =>
          way.carry(lane, () => {
            const running = gateway();
            if (signal.aborted || !device.alive) return;
            if (running === null || way.weather.kind === 'cut') {
              reject(refused);
              return;
            }
            const { process, service } = running;
            const binding = random.bytes(BINDING_BYTES);
            resolve(new SimulatedChannel({ way, device, gateway: process, service, caller, binding, onSend }));
          }),
        );
      }),
  };
}
