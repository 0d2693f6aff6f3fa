import assert from 'node:assert/strict';
import { cpSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { nativeProvider } from '@sotto/crypto';
import { systemClock } from '@sotto/transport';
import { openVault } from '@sotto/vault';
import type { Vault } from '@sotto/vault';
import { decodeEnvelope, idHex } from '@sotto/wire';
import { folderFiles, Messenger } from '../../src/index.ts';
import type { ConversationRef } from '../../src/index.ts';
import { CrashPoints, mortalTransport, mortalVault } from './crash.ts';
import { MemoryGateway } from './memory-gateway.ts';
import { befriend, keystoreIn, Person, quick, texts, until } from './people.ts';
import { testFolder } from './folders.ts';

const provider = nativeProvider();

/** Two people whose sessions are under way, as a state to begin many runs from. */
export interface Prepared {
  readonly gateway: MemoryGateway;
  /** Null: they know nothing of each other yet. */
  readonly conversation: ConversationRef | null;
  /** Bob's. */
  readonly link: string;
  readonly folder: string;
}

/** `strangers`: registered, and know nothing of each other yet. */
export async function prepare(as: 'friends' | 'strangers'): Promise<Prepared> {
  const gateway = new MemoryGateway(systemClock);
  const effects = { openTransport: gateway.openTransport };
  const folder = testFolder('crash');
  await using alice = await Person.create('alice', gateway.address, { effects });
  await using bob = await Person.create('bob', gateway.address, { effects });
  const conversation = as === 'friends' ? await greet(alice, bob) : null;
  const link = await bob.messenger.contactLink();
  for (const person of [alice, bob]) {
    await until(
      () => person.messenger.outbox(),
      (waiting) => waiting.length === 0,
    );
    await person.messenger.close();
    cpSync(person.folder, join(folder, person.name), { recursive: true });
  }
  return { gateway, conversation, link, folder };
}

async function greet(alice: Person, bob: Person): Promise<ConversationRef> {
  const conversation = await befriend(alice, bob);
  await (await bob.messenger.send(conversation, 'hello')).delivered();
  await (await alice.messenger.send(conversation, 'hello back')).delivered();
  return conversation;
}

export interface Side {
  readonly messenger: Messenger;
  readonly vault: Vault;
}

export async function open(folder: string, gateway: MemoryGateway, points: CrashPoints): Promise<Side> {
  const vault = await openVault({
    path: join(folder, 'vault'),
    keystore: keystoreIn(folder),
    provider,
    clock: systemClock,
  });
  try {
    const messenger = await Messenger.open({
      vault: mortalVault(vault, points),
      settings: { ...quick, autoAccept: true, askDelayMs: 20, autoAcceptGroups: true, groupReceiptDelayMs: [0, 5] },
      effects: {
        openTransport: mortalTransport(gateway.openTransport, points),
        files: folderFiles(join(folder, 'vault', 'attachments')),
      },
    });
    return { messenger, vault };
  } catch (cause) {
    vault.close();
    throw cause;
  }
}

export async function bury({ messenger, vault }: Side): Promise<void> {
  await messenger.close().catch(() => undefined);
  vault.close();
}

/**
 * Alice and Bob write to each other; Alice's process dies at the instant `at` and comes up again. Whatever she was told
 * is stored, arrives once; whatever was sent to her is there once; no message key ever makes two ciphertexts. Gives back
 * how many instants there were.
 */
export async function crashRun(prepared: Prepared, at: number | null): Promise<number> {
  const folder = testFolder('crash-run');
  cpSync(prepared.folder, folder, { recursive: true });
  const gateway = prepared.gateway.fork();
  const points = new CrashPoints(at);
  const bob = await open(join(folder, 'bob'), gateway, new CrashPoints(null));
  const promised: string[] = [];
  let alice: Side | null = null;
  try {
    alice = await open(join(folder, 'alice'), gateway, points).catch(orCrash(points));
    if (alice !== null) await aliceWrites(alice.messenger, bob.messenger, prepared, promised).catch(orCrash(points));
    if (prepared.conversation !== null) await bobWrites(bob.messenger, prepared.conversation);
    let whole = false;
    if (alice !== null) {
      await check(alice.messenger, bob.messenger, prepared, promised).then(() => (whole = true), orCrash(points));
      if (!whole) await bury(alice);
    }
    if (!whole) {
      assert.ok(points.crashed);
      alice = await open(join(folder, 'alice'), gateway, new CrashPoints(null));
      await check(alice.messenger, bob.messenger, prepared, promised);
    }
    if (prepared.conversation !== null) requireOneCiphertextPerKey(gateway);
  } finally {
    if (alice !== null) await bury(alice);
    await bury(bob);
    rmSync(folder, { recursive: true, force: true });
  }
  return points.count;
}

export function orCrash(points: CrashPoints): (cause: unknown) => null {
  return (cause) => {
    if (!points.crashed) throw cause;
    return null;
  };
}

async function aliceWrites(alice: Messenger, bob: Messenger, prepared: Prepared, promised: string[]): Promise<void> {
  const conversation =
    prepared.conversation ?? (await alice.addContact(prepared.link, { greeting: 'hello' })).conversation;
  for (const text of ['one', 'two']) {
    await alice.send(conversation, text);
    promised.push(text);
  }
  if (prepared.conversation === null) return;
  await bob.send(conversation, 'from bob, early');
  await until(
    async () => ({ seen: await texts(alice, conversation), waiting: await alice.outbox() }),
    ({ seen, waiting }) => seen.includes('from bob, early') && waiting.length === 0,
  );
  await alice.markRead(conversation);
  await until(
    () => alice.outbox(),
    (waiting) => waiting.length === 0,
  );
}

async function bobWrites(bob: Messenger, conversation: ConversationRef): Promise<void> {
  if (!(await texts(bob, conversation)).includes('from bob, early')) await bob.send(conversation, 'from bob, early');
  await bob.send(conversation, 'from bob, late');
}

async function check(alice: Messenger, bob: Messenger, prepared: Prepared, promised: readonly string[]): Promise<void> {
  // Asking again is what a person would do who was not told that it is stored.
  const conversation = prepared.conversation ?? (await alice.addContact(prepared.link)).conversation;
  if (prepared.conversation === null) {
    await until(
      // Looking at Alice too tells whether she is still alive.
      () => Promise.all([bob.contacts(), alice.status()]),
      ([all]) => all[0]?.state === 'accepted',
    );
    if (!(await texts(bob, conversation)).includes('from bob, late')) await bobWrites(bob, conversation);
  }
  const both = async () => ({ atAlice: await texts(alice, conversation), atBob: await texts(bob, conversation) });
  const same = ({ atAlice, atBob }: Awaited<ReturnType<typeof both>>): boolean =>
    atAlice.length === atBob.length && atAlice.includes('from bob, late');
  const { atAlice, atBob } = await until(both, same);
  assert.deepEqual(atAlice, atBob);
  assert.equal(new Set(atAlice).size, atAlice.length, `doubled: ${atAlice.join()}`);
  for (const text of [...promised, 'from bob, early']) assert.ok(atBob.includes(text), `lost: ${text}`);
  for (const messenger of [alice, bob])
    await until(
      () => messenger.outbox(),
      (waiting) => waiting.length === 0,
    );
}

/** In a session under way, a message's tag names its key. */
function requireOneCiphertextPerKey(gateway: MemoryGateway): void {
  const byTag = new Map<string, string>();
  for (const { envelope } of gateway.posted) {
    const tag = idHex(decodeEnvelope(envelope).sealed.subarray(0, 8));
    const known = byTag.get(tag) ?? idHex(envelope);
    assert.equal(idHex(envelope), known, 'one key, two ciphertexts');
    byTag.set(tag, known);
  }
}
