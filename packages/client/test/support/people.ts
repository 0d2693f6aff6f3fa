import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { nativeProvider } from '@sotto/crypto';
import { fileKeystore } from '@sotto/vault';
import { Messenger } from '../../src/index.ts';
import type { ConversationRef, CreateOptions, Effects, Message, Settings } from '../../src/index.ts';
import { testFolder } from './folders.ts';

/** Quick receipts and retries, so that tests do not wait. */
export const quick: Partial<Settings> = {
  receiptDelayMs: [0, 5],
  retryBaseMs: 20,
  retryMostMs: 200,
  turnMs: 300,
  holdBackMs: 100,
};

export interface PersonOptions {
  readonly settings?: Partial<Settings>;
  readonly effects?: Partial<Effects>;
  readonly create?: Partial<CreateOptions>;
}

/** Someone with a vault folder of their own, whose messenger can be closed and opened again. */
export class Person implements AsyncDisposable {
  readonly name: string;
  readonly folder: string;
  readonly gateway: string;
  readonly options: PersonOptions;
  messenger: Messenger;

  private constructor(name: string, folder: string, gateway: string, options: PersonOptions, messenger: Messenger) {
    this.name = name;
    this.folder = folder;
    this.gateway = gateway;
    this.options = options;
    this.messenger = messenger;
  }

  static async create(name: string, gateway: string, options: PersonOptions = {}): Promise<Person> {
    const folder = testFolder(name);
    const messenger = await Messenger.create({
      vault: { folder: join(folder, 'vault'), keystore: keystoreIn(folder) },
      gateway,
      name,
      settings: { ...quick, ...options.settings },
      ...(options.effects === undefined ? {} : { effects: options.effects }),
      ...options.create,
    });
    return new Person(name, folder, gateway, options, messenger);
  }

  /** Opens a messenger on a vault that was made otherwise. */
  static async at(name: string, folder: string, like: Person): Promise<Person> {
    const person = new Person(name, folder, like.gateway, like.options, like.messenger);
    await person.open();
    return person;
  }

  async reopen(settings: Partial<Settings> = {}): Promise<void> {
    await this.messenger.close();
    await this.open(settings);
  }

  async open(settings: Partial<Settings> = {}): Promise<void> {
    this.messenger = await Messenger.open({
      vault: { folder: join(this.folder, 'vault'), keystore: keystoreIn(this.folder) },
      settings: { ...quick, ...this.options.settings, ...settings },
      ...(this.options.effects === undefined ? {} : { effects: this.options.effects }),
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.messenger.close();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

export function keystoreIn(folder: string) {
  return fileKeystore({ provider: nativeProvider(), path: join(folder, 'key') });
}

/** Both become contacts; gives back their conversation. */
export async function befriend(a: Person, b: Person): Promise<ConversationRef> {
  const asked = b.messenger.events.next('contact-request');
  const accepted = a.messenger.events.next('contact-changed', { where: ({ contact }) => contact.state === 'accepted' });
  const { conversation } = await a.messenger.addContact(await b.messenger.contactLink(), { greeting: 'hello' });
  const { contact } = await asked;
  await b.messenger.acceptRequest(contact.account);
  await accepted;
  return conversation;
}

export async function texts(messenger: Messenger, conversation: ConversationRef): Promise<string[]> {
  const { entries } = await messenger.history(conversation, { limit: 500 });
  return entries.flatMap((entry) => {
    if (entry.kind === 'notice') return [];
    if (entry.kind === 'awaited') return [entry.placeholder.recovering ? 'awaited' : 'lost'];
    return [entry.kind === 'gap' ? `gap of ${entry.missing}` : textOf(entry.message)];
  });
}

export function textOf({ body }: Message): string {
  return body.kind === 'text' ? body.text : `[${body.kind}]`;
}

/** Looks until it has seen enough. */
export async function until<T>(look: () => Promise<T>, enough: (found: T) => boolean): Promise<T> {
  for (;;) {
    const found = await look();
    if (enough(found)) return found;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
