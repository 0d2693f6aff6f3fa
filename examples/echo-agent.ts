/**
 * An agent: an ordinary account that answers every message with what it read.
 *
 *     npm run sotto -- serve                     # in another terminal, or use any gateway
 *     node --conditions=@sotto/source examples/echo-agent.ts FOLDER sotto://…
 *
 * FOLDER keeps its account; a second start goes on with the same one.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { Messenger } from '@sotto/client';
import { nativeProvider } from '@sotto/crypto';
import { fileKeystore } from '@sotto/vault';

const [, , folder = 'echo-agent', gateway = ''] = process.argv;
const provider = nativeProvider();
const vault = { folder, keystore: fileKeystore({ provider, path: join(folder, 'unlock.key') }) };
const settings = { autoAccept: true };

const messenger = existsSync(join(folder, 'vault.key'))
  ? await Messenger.open({ vault, settings })
  : await Messenger.create({ vault, settings, gateway, name: 'echo', accountName: 'echo' });

messenger.events.on('message-received', async ({ message }) => {
  await messenger.markRead(message.conversation, message.id);
  if (message.body.kind === 'text') await messenger.send(message.conversation, `You wrote: ${message.body.text}`);
});

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void messenger.close());
// Started by another program with a channel to it: says when it is there, and ends with it.
process.once('disconnect', () => void messenger.close());
process.channel?.unref();
process.send?.({ event: 'ready' });
