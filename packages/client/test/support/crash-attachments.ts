import assert from 'node:assert/strict';
import { cpSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { ConversationRef, Message, Messenger } from '../../src/index.ts';
import { attachmentsOf, collect } from './attachments.ts';
import { CrashPoints } from './crash.ts';
import { bury, open, orCrash } from './crash-scenario.ts';
import type { Prepared, Side } from './crash-scenario.ts';
import { testFolder } from './folders.ts';
import { until } from './people.ts';

const TEXT = 'with two files';
const FILES = [Buffer.alloc(10_000, 1), Buffer.alloc(300_000, 2)];

/**
 * Alice sends two files to Bob and dies at the instant `at`. If she was told that the message is stored, it arrives, once,
 * with its files; if not, it arrives like that or was never there. No file without a message stays in her folder.
 */
export async function crashWhileSendingFiles(prepared: Prepared, at: number | null): Promise<number> {
  const { conversation } = prepared;
  assert.ok(conversation !== null);
  const folder = testFolder('crash-files');
  cpSync(prepared.folder, folder, { recursive: true });
  const gateway = prepared.gateway.fork();
  const points = new CrashPoints(at);
  const bob = await open(join(folder, 'bob'), gateway, new CrashPoints(null));
  let alice: Side | null = null;
  let isPromised = false;
  try {
    alice = await open(join(folder, 'alice'), gateway, points).catch(orCrash(points));
    if (alice !== null) {
      const { messenger } = alice;
      const send = async () => {
        const attachments = FILES.map((source) => ({ source }));
        await messenger.send(conversation, { kind: 'text', text: TEXT, attachments });
        isPromised = true;
        await until(
          () => messenger.outbox(),
          (waiting) => waiting.length === 0,
        );
      };
      await send().catch(orCrash(points));
      await bury(alice);
    }
    alice = await open(join(folder, 'alice'), gateway, new CrashPoints(null));

    const sent = await withFiles(alice.messenger, conversation);
    assert.ok(sent.length === 1 || (sent.length === 0 && !isPromised), `${sent.length} messages`);

    const arrived = await until(
      () => withFiles(bob.messenger, conversation),
      (messages) => messages.length >= sent.length,
    );
    assert.equal(arrived.length, sent.length);
    for (const message of arrived) {
      assert.equal(attachmentsOf(message).length, FILES.length);
      for (const [index, bytes] of FILES.entries()) {
        assert.ok((await collect(bob.messenger.attachment(message.id, index).read())).equals(bytes));
      }
    }
    // What was still being written when she died is found the next time.
    await bury(alice);
    alice = await open(join(folder, 'alice'), gateway, new CrashPoints(null));
    assert.equal(filesIn(join(folder, 'alice')).length, sent.length * FILES.length);
  } finally {
    if (alice !== null) await bury(alice);
    await bury(bob);
    rmSync(folder, { recursive: true, force: true });
  }
  return points.count;
}

async function withFiles(messenger: Messenger, conversation: ConversationRef): Promise<Message[]> {
  const { entries } = await messenger.history(conversation, { limit: 500 });
  return entries
    .flatMap((entry) => (entry.kind === 'message' && entry.message.body.kind === 'text' ? [entry.message] : []))
    .filter(({ body }) => body.kind === 'text' && body.text === TEXT);
}

function filesIn(folder: string): string[] {
  try {
    return readdirSync(join(folder, 'vault', 'attachments'));
  } catch {
    return [];
  }
}
