import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { attachmentsOf, collect, sealedFiles } from './support/attachments.ts';
import { Circle, SECOND } from './support/circle.ts';

test('a file sent to a group is uploaded once, and read by every member', async () => {
  await using circle = await Circle.of(['alice', 'bob', 'carol']);
  const [alice, ...others] = circle.people;
  const group = await circle.group('Walks');
  const bytes = randomBytes(300_000);
  const arriving = others.map(({ messenger }) => messenger.events.next('message-received'));
  const sent = await alice!.messenger.send(group, { kind: 'text', text: 'the map', attachments: [{ source: bytes }] });
  // Files are real and take real time; the rest waits for the circle's clock.
  while ((await alice!.messenger.attachment(sent.id, 0).info()).state === 'uploading') await circle.pass(SECOND);
  await circle.pass(5 * SECOND);
  for (const [index, arrival] of arriving.entries()) {
    const { message } = await arrival;
    assert.equal(attachmentsOf(message).length, 1);
    const { messenger } = others[index]!;
    assert.ok((await collect(messenger.attachment(message.id, 0).read())).equals(bytes));
  }
  assert.equal(sealedFiles(alice!).length, 1);
});
