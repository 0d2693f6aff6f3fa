import { create } from '@bufbuild/protobuf';
import type { VaultReader } from '@sotto/vault';
import { decodeContent } from '@sotto/wire';
import type { Attachment } from '@sotto/wire';
import { StoredFile_State, StoredFileSchema } from '@sotto/wire/stored';
import type { StoredFile } from '@sotto/wire/stored';
import type { MessageRef } from '../refs.ts';
import type { Tx } from '../store/ledger.ts';
import { messageOf, messageRef } from '../store/refs.ts';
import { files, messages } from '../store/tables.ts';
import type { StagedFile } from './staging.ts';

/** States in which there is something to do without being asked. */
const WORK: ReadonlySet<StoredFile_State> = new Set([StoredFile_State.UPLOADING, StoredFile_State.REMOVING]);

export const fileKey = (message: MessageRef, index: number): string => `${message}/${index}`;

export function putFile(tx: Tx, row: StoredFile): void {
  const message = messageRef(row.message);
  const lookups: [string, string][] = [['message', message]];
  if (WORK.has(row.state)) lookups.push(['work', 'yes']);
  files.put(tx.write, fileKey(message, row.index), row, { lookups });
}

/** Files of a message in the transaction that stores it; uploading begins after that. */
export function putStaged(tx: Tx, message: MessageRef, staged: readonly StagedFile[], now: number): void {
  for (const [index, { name, attachment, blob, owner }] of staged.entries()) {
    putFile(
      tx,
      create(StoredFileSchema, {
        message: messageOf(message),
        index,
        name,
        state: StoredFile_State.UPLOADING,
        gateway: attachment.blob?.gateway ?? '',
        blob,
        owner,
        sealedSize: attachment.blob?.sealedSize ?? 0n,
        storedAt: BigInt(now),
      }),
    );
  }
  if (staged.length > 0) tx.ring('files', null);
}

export function filesOf(read: VaultReader, message: MessageRef): StoredFile[] {
  return files.find(read, 'message', message).map((entry) => entry.row);
}

/** Whether a message still waits for its attachments to be at the gateway. */
export function isUploading(read: VaultReader, message: MessageRef): boolean {
  return filesOf(read, message).some((row) => row.state === StoredFile_State.UPLOADING);
}

/**
 * Forgets the files of a message that is deleted: here, and those of its own at the gateway. To be called in the
 * transaction that deletes it.
 */
export function dropFiles(tx: Tx, message: MessageRef): void {
  const rows = filesOf(tx.write, message);
  for (const row of rows) {
    if (row.owner.length > 0) putFile(tx, { ...row, state: StoredFile_State.REMOVING });
    else files.delete(tx.write, fileKey(message, row.index));
    if (row.name !== '') tx.ring('file-dropped', row.name);
  }
  if (rows.length > 0) tx.ring('files', null);
}

/** What a message says of one of its attachments; null: no such message or attachment. */
export function attachmentOf(read: VaultReader, message: MessageRef, index: number): Attachment | null {
  const row = messages.get(read, message);
  if (row === null || row.content.length === 0) return null;
  const { body } = decodeContent(row.content);
  return body.kind === 'text' ? (body.value.attachments[index] ?? null) : null;
}
