import { setTimeout as delay } from 'node:timers/promises';
import type { Contact, Messenger } from '@sotto/client';
import { CliError, keyFileOf, openProfile, protectionOf } from '@sotto/cli';
import type { CliContext, Protection } from '@sotto/cli';

/** The account of a profile, opened or made. */
export interface Newcomer {
  readonly messenger: Messenger;
  readonly isNew: boolean;
  readonly protection: Protection;
}

/** ms for the echo agent to have its account, when somebody else is just starting it. */
const AGENT_MS = 15_000;

/**
 * Opens the profile's account (asking for its passphrase, if it has one), or makes one that opens with a key file: a
 * trial should not begin with a passphrase. A name that is taken at the gateway is told as such.
 */
export async function openOrCreate(context: CliContext, gateway: Promise<string>): Promise<Newcomer> {
  const folder = context.home.profile(context.profile);
  const protection = await protectionOf(folder);
  const [{ Messenger }, { fileKeystore }, { nativeProvider }] = await Promise.all([
    import('@sotto/client'),
    import('@sotto/vault'),
    import('@sotto/crypto'),
  ]);
  if (protection !== null) {
    try {
      return { messenger: await openProfile(context), isNew: false, protection };
    } catch (error) {
      if (!hasCode(error, 'no_account')) throw error;
    }
  }
  const keystore = fileKeystore({ provider: nativeProvider(), path: keyFileOf(folder) });
  const messenger = await Messenger.create({
    vault: { folder, keystore },
    gateway: await gateway,
    name: context.profile,
    ...(canBeAccountName(context.profile) ? { accountName: context.profile } : {}),
    signal: context.signal,
  }).catch((cause: unknown) => {
    if (!hasCode(cause, 'name_taken')) throw cause;
    throw new CliError(
      'refused',
      `The name "${context.profile}" is taken at this gateway, perhaps by a profile whose folder is gone.`,
      'Choose another one: npm start -- --profile NAME',
      { cause },
    );
  });
  return { messenger, isNew: true, protection: 'file' };
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}

/** Profile names of one or two characters are too short to be found by. */
function canBeAccountName(name: string): boolean {
  return /^[a-z0-9](?:[._-]?[a-z0-9]){2,31}$/.test(name);
}

/** The echo agent as a contact; asks it to become one the first time. */
export async function echoContact(messenger: Messenger, agent: Promise<void>): Promise<Contact> {
  const known = (await messenger.contacts()).find((contact) => contact.accountName === 'echo');
  if (known !== undefined) return known;
  await agent;
  for (const until = performance.now() + AGENT_MS; ; await delay(100)) {
    try {
      return await messenger.addContact('echo', { greeting: 'Hello!' });
    } catch (error) {
      if (!hasCode(error, 'not_found')) throw error;
      if (performance.now() > until) {
        throw new CliError('not_found', 'The echo agent has not come up.', 'Its log is in the "logs" folder.', {
          cause: error,
        });
      }
    }
  }
}

/** Sends `text` and waits for the answer. Gives the answer and how long it took, ms. */
export async function exchange(
  messenger: Messenger,
  contact: Contact,
  text: string,
  signal: AbortSignal,
): Promise<{ readonly answer: string; readonly ms: number }> {
  const started = performance.now();
  const answered = messenger.events.next('message-received', {
    where: ({ message }) =>
      message.conversation === contact.conversation && message.body.kind === 'text' && message.body.text.includes(text),
    signal,
  });
  await messenger.send(contact.conversation, text);
  const { message } = await answered;
  return { answer: message.body.kind === 'text' ? message.body.text : '', ms: performance.now() - started };
}
