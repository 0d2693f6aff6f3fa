import { hostname } from 'node:os';
import { join } from 'node:path';
import type { Vault } from '@sotto/vault';
import { checkChoices, makeAccount } from './account/create.ts';
import type { AccountChoices } from './account/create.ts';
import type { SealedFiles } from './attachments/files.ts';
import { folderFiles } from './attachments/folder-files.ts';
import { readAccount } from './account/own-account.ts';
import { calling, register } from './account/register.ts';
import { readLink } from './contacts/find.ts';
import { completeEffects } from './effects.ts';
import { MessengerError } from './error.ts';
import { Facade } from './facade.ts';
import type { Messenger as MessengerSurface, MessengerFactory } from './messenger.ts';
import { openStore } from './open-vault.ts';
import type { CreateOptions, Effects, OpenOptions } from './options.ts';
import { furnish, layGround, moveIn, moveOut } from './rooms.ts';
import type { Ground, Rooms } from './rooms.ts';

export type Messenger = MessengerSurface;

/** Makes and opens messengers. */
export const Messenger: MessengerFactory = {
  async create(options) {
    const choices = checkChoices(choicesOf(options));
    const effects = completeEffects(options.effects, filesOf(options.vault));
    const messenger = await opening(await openStore(options.vault, effects, 'make'), effects, async (ground) => {
      await makeAccount({ ledger: ground.ledger, engine: effects.engine, clock: effects.clock }, choices);
      return start(ground, options, true);
    });
    letGoOf(options);
    return messenger;
  },
  async open(options) {
    const effects = completeEffects(options.effects, filesOf(options.vault));
    const messenger = await opening(await openStore(options.vault, effects, 'refuse'), effects, (ground) => {
      const account = ground.ledger.read(readAccount);
      if (account === null) throw new MessengerError('no_account', 'there is no account in this vault');
      return start(ground, options, !account.registered);
    });
    letGoOf(options);
    return messenger;
  },
  readLink,
};

/** Beside the vault, where it is known where that is. */
function filesOf(vault: OpenOptions['vault']): SealedFiles | null {
  return 'folder' in vault ? folderFiles(join(vault.folder, 'attachments')) : null;
}

/** What opened the vault is not needed any more. */
function letGoOf({ vault }: OpenOptions): void {
  if ('folder' in vault) vault.keystore.dispose?.();
}

function choicesOf(options: CreateOptions): AccountChoices {
  return {
    gateway: options.gateway,
    name: options.name,
    deviceName: options.deviceName ?? hostname(),
    accountName: options.accountName ?? '',
    registrationCode: options.registrationCode ?? '',
  };
}

/** Whatever fails on the way closes the vault and the engine again. */
async function opening(
  vault: Vault,
  effects: Effects,
  work: (ground: Ground) => Promise<MessengerSurface>,
): Promise<MessengerSurface> {
  try {
    return await work(layGround(vault, effects));
  } catch (cause) {
    vault.close();
    await effects.engine.close();
    throw cause;
  }
}

async function start(ground: Ground, options: OpenOptions, isNew: boolean): Promise<MessengerSurface> {
  let ending: Promise<void> | null = null;
  const end = (why: 'asked' | 'revoked'): Promise<void> => (ending ??= moveOut(rooms, why).finally(letGo));
  // A device that was taken out of the account has nothing more to do; what it has stays readable with the next open.
  const rooms: Rooms = furnish(ground, options.settings ?? {}, () => void end('revoked'));
  const letGo = ground.effects.hold();
  rooms.core.bells.on('revoked', () => void end('revoked'));
  try {
    if (isNew) await settleIn(rooms, options.signal);
    options.signal?.throwIfAborted();
    await moveIn(rooms);
  } catch (cause) {
    // What waits to be let through would wait for ever, and be waited for.
    rooms.connection.close();
    rooms.outbox.close();
    await rooms.core.background.close();
    await rooms.transport.close();
    letGo();
    throw options.signal?.aborted === true ? new MessengerError('aborted', 'opening was aborted', { cause }) : cause;
  }
  return new Facade(rooms, () => end('asked'));
}

/** Everything that has to be true before a new account is one: registered, named, with prekeys. */
async function settleIn({ core, transport, prekeys }: Rooms, given: AbortSignal | undefined): Promise<void> {
  const signal = core.background.until(given === undefined ? {} : { signal: given });
  await register(core, transport, signal);
  await calling(() => prekeys.settle(signal));
}
