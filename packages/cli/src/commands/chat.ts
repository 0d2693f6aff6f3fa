import type { Contact, Messenger } from '@sotto/client';
import type { CliContext } from '../context.ts';
import { findContact } from '../people/find-contact.ts';
import { withMessenger } from '../profile/open.ts';

/** `sotto chat [WHO]`: in a terminal the chat, otherwise lines in and messages out. Gives the exit code. */
export async function chat(context: CliContext, who: string | undefined): Promise<number> {
  return await withMessenger(context, async (messenger) => {
    const contact = await chooseContact(messenger, who);
    const { stdin, stdout, env } = context;
    const inTerminal = stdin.isTTY && stdout.isTTY && env['TERM'] !== 'dumb' && !context.output.json;
    if (!inTerminal) {
      const { runPipedChat } = await import('../chat/piped-chat.ts');
      return await runPipedChat(context, messenger, contact);
    }
    const { runTerminalChat } = await import('../chat/terminal-chat.ts');
    return await runTerminalChat({
      messenger,
      input: stdin,
      output: stdout,
      clock: context.clock,
      colour: context.output.colour,
      start: contact?.account ?? null,
    });
  });
}

/** The contact named, else the one written with last; null: there is none. */
async function chooseContact(messenger: Messenger, who: string | undefined): Promise<Contact | null> {
  const contacts = await messenger.contacts();
  if (who !== undefined) return findContact(contacts, who);
  const latest = (await messenger.conversations()).find((each) => each.kind === 'direct');
  return contacts.find((contact) => contact.account === latest?.contact) ?? null;
}
