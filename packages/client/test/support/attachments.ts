import assert from 'node:assert/strict';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { MessengerError } from '../../src/index.ts';
import type {
  AttachmentInfo,
  ConversationRef,
  Message,
  Messenger,
  MessengerErrorCode,
  OutgoingAttachment,
  Settings,
} from '../../src/index.ts';
import { startTestGateway } from './gateway.ts';
import type { TestGateway } from './gateway.ts';
import { befriend, Person } from './people.ts';

export const MIB = 1024 * 1024;

/** Two contacts at a real gateway. */
export interface Pair extends AsyncDisposable {
  readonly gateway: TestGateway;
  readonly ann: Person;
  readonly ben: Person;
  readonly conversation: ConversationRef;
}

export async function pair(limits: object = {}, settings: Partial<Settings> = {}): Promise<Pair> {
  const gateway = await startTestGateway({ limits });
  const ann = await Person.create('ann', gateway.address, { settings });
  const ben = await Person.create('ben', gateway.address, { settings });
  const conversation = await befriend(ann, ben);
  return {
    gateway,
    ann,
    ben,
    conversation,
    async [Symbol.asyncDispose]() {
      await Promise.all([ann[Symbol.asyncDispose](), ben[Symbol.asyncDispose]()]);
      await gateway[Symbol.asyncDispose]();
    },
  };
}

export function attachmentsOf({ body }: Message): readonly AttachmentInfo[] {
  assert.ok(body.kind === 'text');
  return body.attachments;
}

/** Sends files; resolves when their message has arrived. */
export async function sendFiles(
  from: Messenger,
  to: Messenger,
  conversation: ConversationRef,
  attachments: readonly OutgoingAttachment[],
  text = '',
) {
  const arriving = to.events.next('message-received');
  const sent = await from.send(conversation, { kind: 'text', text, attachments });
  return { sent, message: (await arriving).message };
}

export async function collect(pieces: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const piece of pieces) parts.push(piece);
  return Buffer.concat(parts);
}

export const failsWith = (code: MessengerErrorCode) => (error: unknown) => {
  assert.ok(error instanceof MessengerError, String(error));
  assert.equal(error.code, code, String(error.cause));
  return true;
};

/** Paths of the sealed files in someone's vault folder. */
export function sealedFiles({ folder }: Person): string[] {
  return filesIn(join(folder, 'vault', 'attachments'));
}

/** Paths of the blobs at a gateway. */
export function blobsAt({ folder }: TestGateway): string[] {
  return filesIn(join(folder, 'blobs'));
}

function filesIn(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}
