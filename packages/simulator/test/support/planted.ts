import { fromBinary } from '@bufbuild/protobuf';
import type { Effects, Messenger, MessengerEvents } from '@sotto/client';
import type { GatewayTransport } from '@sotto/gateway-api';
import type { Vault, VaultWriter } from '@sotto/vault';
import { StoredGroupIntentSchema } from '@sotto/wire/stored';
import type { FaultKind, InvariantName, Tampering } from '../../src/index.ts';

/** A bug as somebody might make it, and what has to notice it. */
export interface PlantedBug {
  readonly name: string;
  readonly caughtBy: InvariantName;
  /** What has to go wrong for it to matter. */
  readonly kinds: readonly FaultKind[];
  /** It is about groups. */
  readonly groups?: boolean;
  /** Made anew for each run: some remember. */
  readonly plant: () => Tampering;
}

export const plantedBugs: readonly PlantedBug[] = [
  {
    name: 'an envelope is acknowledged before it is committed',
    caughtBy: 'acknowledged-is-stored',
    kinds: ['disk-full'],
    plant: () => ({ effects: acknowledgingEarly }),
  },
  {
    name: 'the state of a session is not stored before its envelope leaves',
    caughtBy: 'no-key-reused',
    kinds: ['vanish'],
    plant: () => ({
      vault: (vault) =>
        withWriter(
          vault,
          everyThird(isSession, () => undefined),
        ),
    }),
  },
  {
    name: 'an older state of a session comes back',
    caughtBy: 'no-key-reused',
    kinds: ['vanish'],
    plant: () => {
      const before = new Map<string, Uint8Array>();
      const puts = new Map<string, number>();
      return {
        vault: (vault) =>
          withWriter(vault, (write) => ({
            ...write,
            put: (collection, key, value, placing) => {
              const count = (puts.get(key) ?? 0) + 1;
              puts.set(key, count);
              const old = before.get(key);
              if (isSession(collection.name, key) && old !== undefined && count % 5 === 0) {
                write.put(collection, key, old, placing);
                return;
              }
              before.set(key, new Uint8Array(value));
              write.put(collection, key, value, placing);
            },
          })),
      };
    },
  },
  {
    name: 'a change of a group that another one has overtaken is not tried again',
    caughtBy: 'changes-decided',
    kinds: ['slow'],
    groups: true,
    plant: () => ({ vault: (vault) => withWriter(vault, forgettingOvertaken) }),
  },
  {
    name: 'a message is handed to the application twice',
    caughtBy: 'delivered-once',
    kinds: ['slow'],
    plant: () => ({ messenger: tellingTwice }),
  },
];

function acknowledgingEarly(effects: Partial<Effects>): Partial<Effects> {
  const { openTransport } = effects;
  if (openTransport === undefined) return effects;
  return {
    ...effects,
    openTransport: (options) => {
      const transport = openTransport(options);
      return new Proxy(transport, {
        get: (target, name) => {
          if (name === 'receive') {
            const receive: GatewayTransport['receive'] = (sink, given) =>
              target.receive((incoming) => {
                sink(incoming).catch(() => undefined);
                return Promise.resolve();
              }, given);
            return receive;
          }
          const value: unknown = Reflect.get(target, name, target);
          return typeof value === 'function' ? (value.bind(target) as unknown) : value;
        },
      });
    },
  };
}

const isSession = (collection: string, key: string): boolean =>
  collection === 'engine-ratchets' && key.startsWith('session/');

function withWriter(vault: Vault, around: (write: VaultWriter) => VaultWriter): Vault {
  return { ...vault, transaction: (event) => vault.transaction((write) => event(around(write))) };
}

/** Every third write of some rows is left out. */
function everyThird(which: (collection: string, key: string) => boolean, instead: () => void) {
  let count = 0;
  return (write: VaultWriter): VaultWriter => ({
    ...write,
    put: (collection, key, value, placing) => {
      if (which(collection.name, key) && ++count % 3 === 0) instead();
      else write.put(collection, key, value, placing);
    },
  });
}

function forgettingOvertaken(write: VaultWriter): VaultWriter {
  return {
    ...write,
    put: (collection, key, value, placing) => {
      const isIntent = collection.name === 'group-intents';
      if (isIntent && fromBinary(StoredGroupIntentSchema, value).reason === 'overtaken') write.delete(collection, key);
      else write.put(collection, key, value, placing);
    },
  };
}

function tellingTwice(messenger: Messenger): Messenger {
  const { events } = messenger;
  const twice: Messenger['events'] = {
    on: (name, listener) =>
      events.on(name, (event) => {
        void listener(event);
        if (name === 'message-received') void listener(event satisfies MessengerEvents[typeof name]);
      }),
    next: (name, options) => events.next(name, options),
    stream: (names, options) => events.stream(names, options),
  };
  return new Proxy(messenger, {
    get: (target, name) => {
      if (name === 'events') return twice;
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
}
