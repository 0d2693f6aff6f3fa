import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { AttachmentProgress } from '../src/index.ts';
import {
  attachmentsOf,
  blobsAt,
  collect,
  failsWith,
  MIB,
  pair,
  sealedFiles,
  sendFiles,
} from './support/attachments.ts';
import { testFolder } from './support/folders.ts';
import { startTestGateway } from './support/gateway.ts';
import { decodeJpeg, jpegWithSecrets, noisyJpeg } from './support/pictures.ts';
import { until } from './support/people.ts';

async function* failing() {
  yield randomBytes(1000);
  throw new Error('the disk was pulled out');
}

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

test('a picture goes without its metadata and with a small one of itself; as a file it goes as it is', async () => {
  await using world = await pair();
  const { ann, ben, conversation } = world;
  const picture = jpegWithSecrets(300, 200, 6);
  const { message } = await sendFiles(ann.messenger, ben.messenger, conversation, [
    { source: picture, name: 'IMG_1.jpg' },
    { source: picture, name: 'IMG_2.jpg', metadata: 'keep' },
  ]);
  const [shown, kept] = attachmentsOf(message);
  assert.deepEqual([shown?.kind, shown?.contentType, shown?.width, shown?.height], ['image', 'image/jpeg', 200, 300]);
  assert.ok(shown?.thumbnail !== null && decodeJpeg(shown!.thumbnail).height > 100);
  assert.deepEqual([kept?.kind, kept?.thumbnail], ['image', null]);
  const received = await collect(ben.messenger.attachment(message.id, 0).show());
  assert.doesNotMatch(received.toString('latin1'), /SECRET/);
  const { message: paper } = await sendFiles(ann.messenger, ben.messenger, conversation, [
    { source: Buffer.from('%PDF-1.7') },
  ]);
  await assert.rejects(collect(ben.messenger.attachment(paper.id, 0).show()), failsWith('attachment_mismatch'));
  assert.ok((await collect(ben.messenger.attachment(message.id, 1).read())).equals(picture));
});

test('an album of as many pictures as a message may have fits into one, each with a small picture of itself', async () => {
  await using world = await pair();
  const { ann, ben, conversation } = world;
  const album = Array.from({ length: 32 }, (_, i) => ({
    source: noisyJpeg(160, 120),
    name: `${'n'.repeat(200)}${i}.jpg`,
  }));
  const { message } = await sendFiles(ann.messenger, ben.messenger, conversation, album, 'our walk');
  const shown = attachmentsOf(message);
  assert.equal(shown.length, 32);
  assert.ok(shown.every(({ thumbnail }) => thumbnail !== null && decodeJpeg(thumbnail).width >= 30));
  // A long text leaves no room for small pictures, and is sent all the same.
  const long = await sendFiles(ann.messenger, ben.messenger, conversation, album.slice(0, 2), 'x'.repeat(64_000));
  assert.equal(attachmentsOf(long.message)[0]?.thumbnail, null);
});

test('a damaged picture, a missing file, a folder and too much of anything are refused, and leave nothing behind', async () => {
  await using world = await pair({}, { attachmentBytes: 2 * MIB });
  const { ann, conversation } = world;
  const send = (source: string | Uint8Array, count = 1) =>
    ann.messenger.send(conversation, {
      kind: 'text',
      text: 'x',
      attachments: Array.from({ length: count }, () => ({ source })),
    });
  const broken = jpegWithSecrets(20, 20).subarray(0, 300);
  await assert.rejects(send(broken), failsWith('attachment_unreadable'));
  await assert.rejects(send(join(ann.folder, 'nothing here')), failsWith('attachment_unreadable'));
  await assert.rejects(send(ann.folder), failsWith('attachment_unreadable'));
  await assert.rejects(send(randomBytes(2 * MIB + 1)), failsWith('invalid_argument'));
  await assert.rejects(send('x', 33), failsWith('invalid_argument'));
  await assert.rejects(
    ann.messenger.send(conversation, {
      kind: 'text',
      text: '',
      attachments: [{ source: randomBytes(10) }, { source: failing() }],
    }),
    failsWith('attachment_unreadable'),
  );
  await assert.rejects(ann.messenger.send(conversation, { kind: 'text', text: '' }), failsWith('invalid_argument'));
  assert.deepEqual(sealedFiles(ann), []);
  assert.deepEqual(await ann.messenger.outbox(), []);
});

test('the message leaves when its files are at the gateway, whatever is restarted or lost in between', async () => {
  await using world = await pair();
  const { ann, ben, conversation } = world;
  const port = Number(/:(\d+)\//.exec(world.gateway.address)?.[1]);
  const folder = world.gateway.folder;
  const film = randomBytes(24 * MIB);
  const note = randomBytes(5000);
  await world.gateway.gateway.close();
  const arriving = ben.messenger.events.next('message-received');
  const sent = await ann.messenger.send(conversation, {
    kind: 'text',
    text: 'from yesterday',
    attachments: [{ source: film }, { source: note }],
  });
  assert.equal((await ann.messenger.message(sent.id))?.reason, 'waiting-upload');
  assert.deepEqual(
    attachmentsOf((await ann.messenger.message(sent.id))!).map(({ state }) => state),
    ['uploading', 'uploading'],
  );
  // Later messages do not wait for the upload.
  const second = await startTestGateway({ folder, port });
  await ann.messenger.events.next('attachment-progress', { where: ({ index, bytes }) => index === 0 && bytes > MIB });
  await ann.messenger.close();
  await second.gateway.close();
  await using third = await startTestGateway({ folder, port });
  assert.equal(third.address, world.gateway.address);
  await ann.open();
  const { message } = await arriving;
  const steps = (await ann.messenger.explain(sent.id)).steps.map(({ code }) => code);
  assert.ok(steps.indexOf('waiting-upload') < steps.indexOf('uploaded'), steps.join());
  assert.ok(steps.indexOf('uploaded') < steps.indexOf('sealed'), steps.join());
  assert.ok((await collect(ben.messenger.attachment(message.id, 0).read())).equals(film));
  assert.ok((await collect(ben.messenger.attachment(message.id, 1).read())).equals(note));
});

test('a download that is broken off goes on where it was, and tells how far it is', async () => {
  await using world = await pair();
  const { ann, ben, conversation } = world;
  const film = randomBytes(20 * MIB);
  const { message } = await sendFiles(ann.messenger, ben.messenger, conversation, [{ source: film }]);
  const handle = ben.messenger.attachment(message.id, 0);
  const giveUp = new AbortController();
  const onProgress = ({ bytes }: AttachmentProgress) => {
    if (bytes > 4 * MIB) giveUp.abort();
  };
  await assert.rejects(handle.fetch({ signal: giveUp.signal, onProgress }), failsWith('aborted'));
  assert.equal((await handle.info()).state, 'partial');
  const [partial] = sealedFiles(ben);
  const begun = statSync(partial!).size;
  assert.ok(begun > 3 * MIB && begun < 20 * MIB);
  await ben.reopen();
  const seen: AttachmentProgress[] = [];
  await ben.messenger.attachment(message.id, 0).fetch({ onProgress: (progress) => seen.push(progress) });
  assert.ok(seen[0]!.bytes > begun, 'what was here is not fetched again');
  assert.equal(seen.at(-1)?.bytes, seen.at(-1)?.total);
  assert.ok((await collect(ben.messenger.attachment(message.id, 0).read())).equals(film));
});

test('what a gateway changes, cuts off or exchanges is noticed, and nothing of it is kept or saved', async () => {
  await using world = await pair();
  const { ann, ben, conversation } = world;
  const two = [randomBytes(700_000), randomBytes(700_000)];
  const { message } = await sendFiles(
    ann.messenger,
    ben.messenger,
    conversation,
    two.map((source) => ({ source })),
  );
  const [first, second] = blobsAt(world.gateway);
  const good = [readFileSync(first!), readFileSync(second!)];
  const target = testFolder('saved');
  const handle = ben.messenger.attachment(message.id, 0);
  const other = ben.messenger.attachment(message.id, 1);

  for (const at of [0, 40, 300_000, good[0]!.length - 1]) {
    for (const [index, path] of [first, second].entries()) {
      const bad = Buffer.from(good[index]!);
      bad[at] = bad[at]! ^ 1;
      writeFileSync(path!, bad);
    }
    await assert.rejects(handle.download(target), failsWith('attachment_damaged'), String(at));
  }
  writeFileSync(first!, good[1]!);
  writeFileSync(second!, good[0]!);
  await assert.rejects(handle.download(target), failsWith('attachment_damaged'));
  await assert.rejects(collect(other.read()), failsWith('attachment_damaged'));
  assert.deepEqual(readdirSync(target), []);
  assert.deepEqual(sealedFiles(ben), []);
  writeFileSync(first!, good[0]!);
  writeFileSync(second!, good[1]!);
  assert.ok((await collect(handle.read())).equals(two[0]!), 'a gateway that was repaired serves it again');
  truncateSync(first!, 1000);
  truncateSync(second!, 1000);
  await assert.rejects(collect(other.read()), failsWith('attachment_gone'));
  assert.equal((await other.info()).state, 'gone');
  rmSync(target, { recursive: true });
});

test('a sealed file that is changed on this device is noticed, and fetched anew if it is lost', async () => {
  await using world = await pair();
  const { ann, ben, conversation } = world;
  const bytes = randomBytes(400_000);
  const { message } = await sendFiles(ann.messenger, ben.messenger, conversation, [{ source: bytes }]);
  const handle = ben.messenger.attachment(message.id, 0);
  await handle.fetch();
  const [path] = sealedFiles(ben);
  const changed = readFileSync(path!);
  changed[200_000] = changed[200_000]! ^ 1;
  writeFileSync(path!, changed);
  await assert.rejects(collect(handle.read()), failsWith('attachment_damaged'));
  rmSync(path!);
  assert.ok((await collect(handle.read())).equals(bytes));
});

test('nothing readable is on disk at either end or at the gateway until someone saves it', async () => {
  await using world = await pair();
  const { ann, ben, conversation } = world;
  const secret = 'a sentence that nobody else has ever written';
  const text = Buffer.from(`${secret}\n`.repeat(20_000));
  const { message } = await sendFiles(ann.messenger, ben.messenger, conversation, [
    { source: text, name: 'diary-of-ann.txt' },
  ]);
  await collect(ben.messenger.attachment(message.id, 0).read());
  assert.equal(sealedFiles(ann).length, 1);
  assert.equal(sealedFiles(ben).length, 1);
  for (const root of [ann.folder, ben.folder, world.gateway.folder]) {
    for (const name of readdirSync(root, { recursive: true, encoding: 'utf8' })) {
      assert.doesNotMatch(name, /diary/);
      const path = join(root, name);
      if (!statSync(path).isFile()) continue;
      const found = readFileSync(path).toString('latin1');
      assert.ok(!found.includes(secret) && !found.includes('diary-of-ann'), name);
    }
  }
});

test('what is taken back is gone here, there and at the gateway', async () => {
  await using world = await pair();
  const { ann, ben, conversation } = world;
  const { sent, message } = await sendFiles(ann.messenger, ben.messenger, conversation, [
    { source: randomBytes(1000) },
    { source: randomBytes(2000) },
  ]);
  await ben.messenger.attachment(message.id, 0).fetch();
  assert.equal(blobsAt(world.gateway).length, 2);
  await (await ann.messenger.send(conversation, { kind: 'delete', message: sent.id })).delivered();
  const files = async () => [...sealedFiles(ann), ...sealedFiles(ben), ...blobsAt(world.gateway)];
  await until(files, (left) => left.length === 0);
  await assert.rejects(ben.messenger.attachment(message.id, 1).fetch(), failsWith('not_found'));

  const again = await sendFiles(ann.messenger, ben.messenger, conversation, [{ source: randomBytes(1000) }]);
  await ben.messenger.attachment(again.message.id, 0).fetch();
  await ben.messenger.deleteForMe(again.message.id);
  await until(
    async () => sealedFiles(ben),
    (left) => left.length === 0,
  );
  assert.equal(blobsAt(world.gateway).length, 1, 'what is deleted for oneself is others’ still');
});

test('a message that is taken back before its upload is done is never sent', async () => {
  await using world = await pair();
  const { ann, conversation } = world;
  await world.gateway.gateway.close();
  const sent = await ann.messenger.send(conversation, {
    kind: 'text',
    text: '',
    attachments: [{ source: randomBytes(1000) }],
  });
  await ann.messenger.send(conversation, { kind: 'delete', message: sent.id });
  await until(
    async () => sealedFiles(ann),
    (left) => left.length === 0,
  );
  assert.ok(!(await ann.messenger.outbox()).some(({ message }) => message === sent.id));
});

test('a gateway’s limits keep the message here and say why; one that can never be met fails it', async () => {
  await using world = await pair({ blobDailyCount: 1, blobBytes: 20_000 });
  const { ann, conversation } = world;
  const send = (bytes: number) =>
    ann.messenger.send(conversation, { kind: 'text', text: 'x', attachments: [{ source: randomBytes(bytes) }] });
  await (await send(1000)).delivered();
  const over = await send(1000);
  const reasonOf = async () => (await ann.messenger.message(over.id))?.reason;
  await until(reasonOf, (reason) => reason === 'upload-quota');
  assert.equal((await ann.messenger.message(over.id))?.state, 'waiting');
  const large = await send(50_000);
  await assert.rejects(large.delivered(), failsWith('undeliverable'));
  assert.equal((await ann.messenger.message(large.id))?.reason, 'upload-refused');
  // A message without files is not held up.
  await (await ann.messenger.send(conversation, 'still here')).delivered();
});

test('a file is saved under a safe name in a folder, or where it is told to, and replaces nothing unasked', async () => {
  await using world = await pair();
  const { ann, ben, conversation } = world;
  const { message } = await sendFiles(ann.messenger, ben.messenger, conversation, [
    { source: Buffer.from('plain'), name: '../../../tmp/evil\u202egpj.exe' },
  ]);
  assert.equal(attachmentsOf(message)[0]?.name, 'evil_gpj.exe');
  const handle = ben.messenger.attachment(message.id, 0);
  const folder = testFolder('saved');
  mkdirSync(join(folder, 'in'));
  assert.equal((await handle.download(join(folder, 'in'))).path, join(folder, 'in', 'evil_gpj.exe'));
  const path = join(folder, 'own name.txt');
  assert.equal((await handle.download(path)).path, path);
  writeFileSync(path, 'mine');
  await assert.rejects(handle.download(path), failsWith('invalid_argument'));
  assert.equal(readFileSync(path, 'utf8'), 'mine');
  await handle.download(path, { overwrite: true });
  assert.equal(readFileSync(path, 'utf8'), 'plain');
  await assert.rejects(handle.download(join(folder, 'not there', 'x')), failsWith('storage'));
  assert.deepEqual(readdirSync(folder).toSorted(), ['in', 'own name.txt']);
  rmSync(folder, { recursive: true });
});

test('what is passed on brings its files along, and a large one that was saved is not kept twice', async () => {
  await using world = await pair({}, { keepAttachmentBytes: 100_000 });
  const { ann, ben, conversation } = world;
  const bytes = randomBytes(300_000);
  const { message } = await sendFiles(ann.messenger, ben.messenger, conversation, [{ source: bytes }], 'look');
  const arriving = ann.messenger.events.next('message-received');
  await ben.messenger.forward(message.id, conversation);
  const { message: back } = await arriving;
  assert.ok(back.body.kind === 'text' && back.body.forwarded && back.body.text === 'look');
  const folder = testFolder('saved');
  const saved = await ben.messenger.attachment(message.id, 0).download(folder);
  assert.ok(readFileSync(saved.path).equals(bytes));
  assert.deepEqual(sealedFiles(ben), []);
  assert.ok((await collect(ann.messenger.attachment(back.id, 0).read())).equals(bytes));
  rmSync(folder, { recursive: true });
});

test('what a crash leaves without a row is swept at the next start', async () => {
  await using world = await pair();
  const { ann, ben, conversation } = world;
  await sendFiles(ann.messenger, ben.messenger, conversation, [{ source: randomBytes(1000) }]);
  const [known] = sealedFiles(ann);
  const orphan = join(known!, '..', 'f'.repeat(32));
  writeFileSync(orphan, 'half a file');
  await ann.reopen();
  assert.deepEqual(sealedFiles(ann), [known]);
});
