import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { Messenger } from '@sotto/client';
import type { AccountRef, ConversationRef } from '@sotto/client';
import { nativeProvider } from '@sotto/crypto';
import { fileKeystore } from '@sotto/vault';
import type { GatewayReady } from '../end-to-end/gateway.ts';

/** Accounts made at once: enough to keep a core busy. */
const AT_ONCE = 8;

/** A group of real accounts at a gateway in a process of its own. */
export interface Crowd extends AsyncDisposable {
  readonly sender: Messenger;
  readonly group: ConversationRef;
  /** Opens the messenger of a member that was invited and has not answered. */
  member(index: number): Promise<Messenger>;
  /** Bytes that the gateway has had written to disk so far. */
  written(): number;
  /** Ends everything; mean size in bytes of the messages in the log. */
  entryBytes(): Promise<number>;
}

/** A group of `members` accounts: its maker, and others that were invited; only the maker is connected. */
export async function gather(members: number): Promise<Crowd> {
  const folder = mkdtempSync(join(tmpdir(), 'sotto-bench-'));
  const execArgv = ['--conditions=@sotto/source', '--disable-warning=ExperimentalWarning'];
  const gateway = fork(join(import.meta.dirname, '../end-to-end/gateway.ts'), [join(folder, 'gateway')], { execArgv });
  const [{ address }] = (await once(gateway, 'message')) as [GatewayReady];
  const optionsOf = (name: string) => ({
    vault: {
      folder: join(folder, name),
      keystore: fileKeystore({ provider: nativeProvider(), path: join(folder, `${name}.key`) }),
    },
    gateway: address,
    name,
    settings: { autoAccept: true },
  });
  const sender = await Messenger.create(optionsOf('sender'));
  const accounts: AccountRef[] = [];
  const waiting = Array.from({ length: members - 1 }, (_, i) => i);
  const newcomers = async (): Promise<void> => {
    for (let i = waiting.shift(); i !== undefined; i = waiting.shift()) {
      await using member = await Messenger.create(optionsOf(`member-${i}`));
      const { account } = await member.self();
      const accepted = sender.events.next('contact-changed', {
        where: ({ contact }) => contact.account === account && contact.state === 'accepted',
      });
      await sender.addContact(await member.contactLink());
      await accepted;
      accounts[i] = account;
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, newcomers));
  const { id: group } = await sender.groups.create({ name: 'Crowd', accounts });
  while ((await sender.groups.pending(group)).length > 0 || (await sender.groups.get(group))?.state !== 'joined') {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return {
    sender,
    group,
    member: (index) => Messenger.open(optionsOf(`member-${index}`)),
    written: () => writtenBy(gateway),
    async entryBytes() {
      await sender.close();
      await end(gateway);
      using database = new DatabaseSync(join(folder, 'gateway', 'gateway.db'), { readOnly: true });
      // Messages are the many; commits and proposals the few large ones.
      const row = database
        .prepare('SELECT AVG(LENGTH(entry)) AS mean FROM log_entries WHERE LENGTH(entry) < 8192')
        .get();
      return Number(row?.['mean']);
    },
    async [Symbol.asyncDispose]() {
      await sender.close();
      await end(gateway);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function end(child: ChildProcess): Promise<void> {
  if (!child.connected) return;
  child.disconnect();
  await once(child, 'exit');
}

function writtenBy({ pid }: ChildProcess): number {
  const io = readFileSync(`/proc/${pid}/io`, 'utf8');
  return Number(/^write_bytes: (\d+)$/m.exec(io)?.[1]);
}
