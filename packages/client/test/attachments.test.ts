import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { attachmentsOf, collect, MIB, pair, sendFiles } from './support/attachments.ts';
import { testFolder } from './support/folders.ts';

async function* stream() {
  yield Buffer.from('streamed ');
  yield Buffer.from('text');
}

test('a text with several files arrives with them; they are read, saved and found again after a restart', async () => {
  await using world = await pair();
  const { ann, ben, conversation } = world;
  const large = randomBytes(3 * MIB + 5);
  const path = join(ann.folder, 'Báo cáo.bin');
  writeFileSync(path, large);
  const { sent, message } = await sendFiles(
    ann.messenger,
    ben.messenger,
    conversation,
    [
      { source: path },
      { source: stream(), name: 'notes.txt' },
      {
        source: Buffer.from('OggS' + '\0'.repeat(24) + 'OpusHead'),
        voice: true,
        durationMs: 2500,
        waveform: Buffer.alloc(9),
      },
    ],
    'three files',
  );
  await sent.delivered();
  const [file, notes, voice] = attachmentsOf(message);
  assert.deepEqual(
    [file?.name, file?.kind, file?.size, file?.contentType, file?.state],
    ['Báo cáo.bin', 'file', large.length, 'application/octet-stream', 'remote'],
  );
  assert.deepEqual([notes?.name, notes?.contentType], ['notes.txt', 'text/plain']);
  assert.deepEqual([voice?.kind, voice?.durationMs, voice?.waveform?.length], ['voice', 2500, 9]);
  rmSync(path);

  assert.equal((await collect(ben.messenger.attachment(message.id, 1).read())).toString(), 'streamed text');
  const folder = testFolder('downloads');
  const saved = await ben.messenger.attachment(message.id, 0).download(folder);
  assert.deepEqual(saved, {
    path: join(folder, 'Báo cáo.bin'),
    contentType: 'application/octet-stream',
    asDescribed: true,
  });
  assert.ok(readFileSync(saved.path).equals(large));
  assert.equal((await ben.messenger.attachment(message.id, 0).info()).state, 'here');
  await ben.reopen();
  const again = await ben.messenger.attachment(message.id, 0).download(folder);
  assert.equal(again.path, join(folder, 'Báo cáo (2).bin'), 'what is there is left alone');
  assert.ok((await collect(ann.messenger.attachment(sent.id, 0).read())).equals(large), 'the sender keeps a copy');
  assert.equal((await ben.messenger.search('notes')).length, 1);
  rmSync(folder, { recursive: true });
});
