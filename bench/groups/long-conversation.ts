import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { Messenger } from '@sotto/client';
import type { ConversationRef } from '@sotto/client';
import { nativeProvider } from '@sotto/crypto';
import { parseGatewayConfig, startGateway } from '@sotto/gateway';
import { fileKeystore, openVault } from '@sotto/vault';
import { accountId, decodeContent, deviceId, encodeContent } from '@sotto/wire';
import type { ConversationId, MessageId } from '@sotto/wire';
import { StoredMessage_State } from '@sotto/wire/stored';
import { absorb } from '../../packages/client/src/conversations/absorb.ts';
import { contentId, conversationWith } from '../../packages/client/src/core/core.ts';
import { completeEffects } from '../../packages/client/src/effects.ts';
import { furnish, layGround } from '../../packages/client/src/rooms.ts';
import { contacts } from '../../packages/client/src/store/tables.ts';
import { generator, textFrom } from './words.ts';

/** Grows whenever what is built here changes: older data sets are built anew. */
const VERSION = 1;
const BATCH = 500;
const START = Date.UTC(2020, 0, 1);
const MINUTE = 60_000;

/** An account with one very long direct conversation. */
export interface LongConversation {
  readonly folder: string;
  readonly conversation: ConversationRef;
  readonly messages: number;
  readonly buildSeconds: number;
  readonly bytesPerMessage: number;
}

/** Opens its vault; the key lies beside it. */
export function storeOf(folder: string) {
  return {
    folder: join(folder, 'vault'),
    keystore: fileKeystore({ provider: nativeProvider(), path: join(folder, 'key') }),
  };
}

/** The data set of so many messages, kept between runs below `.cache`. */
export async function longConversation(messages: number, say: (line: string) => void): Promise<LongConversation> {
  const folder = resolve(import.meta.dirname, '../../.cache/bench', `conversation-${VERSION}-${messages}`);
  const facts = join(folder, 'facts.json');
  if (existsSync(facts)) return { ...(JSON.parse(readFileSync(facts, 'utf8')) as LongConversation), folder };
  say(`Building a conversation of ${messages} messages; it is kept for the next run.`);
  const partial = `${folder}.partial`;
  rmSync(partial, { recursive: true, force: true });
  mkdirSync(partial, { recursive: true });
  const conversation = await acquaint(partial);
  const began = performance.now();
  await fill(partial, messages, say);
  const buildSeconds = (performance.now() - began) / 1000;
  const bytesPerMessage = statSync(join(partial, 'vault', 'vault.db')).size / messages;
  const built = { folder, conversation, messages, buildSeconds, bytesPerMessage };
  writeFileSync(join(partial, 'facts.json'), JSON.stringify(built));
  renameSync(partial, folder);
  return built;
}

/** Two accounts become contacts at a real gateway; one of them stays in `folder`. */
async function acquaint(folder: string): Promise<ConversationRef> {
  const home = mkdtempSync(join(tmpdir(), 'sotto-bench-'));
  const { config, secrets } = parseGatewayConfig({
    SOTTO_GATEWAY_DATA: join(home, 'gateway'),
    SOTTO_GATEWAY_LISTEN: '127.0.0.1:0',
    SOTTO_GATEWAY_LOG: 'error',
  });
  const gateway = await startGateway(config, secrets);
  const open = (vault: ReturnType<typeof storeOf>, name: string) =>
    Messenger.create({ vault, gateway: gateway.address, name, settings: { autoAccept: true } });
  const reader = await open(storeOf(folder), 'reader');
  const writer = await open(storeOf(home), 'writer');
  const accepted = reader.events.next('contact-changed', { where: ({ contact }) => contact.state === 'accepted' });
  const { conversation } = await reader.addContact(await writer.contactLink());
  await accepted;
  await Promise.all([reader.close(), writer.close()]);
  await gateway.close();
  rmSync(home, { recursive: true, force: true });
  return conversation;
}

/** As if the contact had written all of it: through the code that takes messages in, many in one transaction. */
async function fill(folder: string, messages: number, say: (line: string) => void): Promise<void> {
  const effects = completeEffects();
  const store = storeOf(folder);
  const vault = await openVault({ path: store.folder, keystore: store.keystore, ...effects });
  const { core, transport } = furnish(layGround(vault, effects), {}, () => undefined);
  const [contact] = core.ledger.read((read) => contacts.all(read));
  if (contact === undefined) throw new Error('the reader has no contact');
  const author = accountId(contact.row.account);
  const device = deviceId(new Uint8Array(16).fill(7));
  const conversation = conversationWith(core, author);
  const random = generator(7);
  let parents: MessageId[] = [];
  for (let from = 0; from < messages; from += BATCH) {
    core.ledger.commit((tx) => {
      for (let n = from; n < Math.min(from + BATCH, messages); n++) {
        const bytes = contentOf(conversation, n, parents, textFrom(random));
        const id = contentId(core, device, bytes);
        const state = StoredMessage_State.READ;
        absorb(tx, core, { content: decodeContent(bytes), bytes, id, author, device, contact: author, state });
        parents = [id];
      }
    });
    while (vault.maintain());
    if (from % 100_000 === 0 && from > 0) say(`  ${from}`);
  }
  await core.background.close();
  await transport.close();
  vault.close();
  await effects.engine.close();
}

function contentOf(conversation: ConversationId, n: number, parents: readonly MessageId[], body: string): Uint8Array {
  return encodeContent({
    conversation,
    counter: n + 1,
    parents,
    height: n + 1,
    sentAt: START + n * MINUTE,
    chainHead: null,
    body: { kind: 'text', value: { body } },
  });
}
