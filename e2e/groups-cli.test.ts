import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { Answer, Person } from '../tools/harness/processes.ts';
import { createWorld, textsFrom } from './support/world.ts';
import type { World } from './support/world.ts';

function first(answer: Answer): Record<string, unknown> {
  const [object] = answer.objects;
  assert.ok(object !== undefined, answer.stderr);
  return object;
}

async function befriend(a: Person, b: Person, nameOfB: string): Promise<void> {
  const link = String(first(await b.must(['contact', 'link']))['contactLink']);
  await a.must(['contact', 'add', link, '--nickname', nameOfB]);
  const [request] = (await b.must(['requests'])).objects;
  await b.must(['requests', 'accept', String(request?.['account'])]);
  await a.must(['inbox']);
}

describe('groups on the command line, against a real gateway', () => {
  let world: World;
  let alice: Person;
  let bob: Person;
  let carol: Person;

  before(async () => {
    world = await createWorld('groups-cli');
    [alice, bob, carol] = await Promise.all([world.person('alice'), world.person('bob'), world.person('carol')]);
    await befriend(alice, bob, 'bob');
    await befriend(alice, carol, 'carol');
  });
  after(async () => world[Symbol.asyncDispose]());

  test('R-GRP-1 made, accepted, written in by people who are never there at the same time', async () => {
    const made = first(await alice.must(['group', 'create', 'Walks', 'bob', '--description', 'On Sundays']));
    assert.equal(made['state'], 'joined');
    assert.equal(made['role'], 'owner');
    await alice.must(['send', 'Walks', 'Who comes along?']);

    const invitations = (await bob.must(['group', 'invitations'])).objects;
    assert.deepEqual(
      invitations.map((each) => each['name']),
      ['Walks'],
    );
    assert.equal(first(await bob.must(['group', 'accept', 'walks']))['state'], 'joined');
    await bob.must(['inbox']);
    assert.ok((await textsFrom(bob, 'Walks')).includes('Who comes along?'));
    await bob.must(['send', 'Walks', 'I do']);
    await alice.must(['inbox']);
    assert.deepEqual(await textsFrom(alice, 'Walks'), ['I do']);
  });

  test('R-GRP-1 brought in later, made admin, renamed, removed: what is written afterwards is not for them', async () => {
    await alice.must(['group', 'invite', 'Walks', 'carol']);
    await carol.must(['group', 'accept', 'Walks']);
    await alice.must(['group', 'role', 'Walks', 'bob', 'admin']);
    await bob.must(['group', 'edit', 'Walks', '--name', 'Long walks']);
    await alice.must(['inbox']);
    await carol.must(['inbox']);
    const members = (await carol.must(['group', 'show', 'Long walks'])).objects.slice(1);
    assert.deepEqual(
      members.map((each) => String(each['role'])).toSorted((a, b) => a.localeCompare(b)),
      ['admin', 'member', 'owner'],
    );

    const carolsName = members.find((each) => each['own'] === true)?.['account'];
    await bob.must(['group', 'remove', 'Long walks', String(carolsName)]);
    await alice.must(['inbox']);
    await alice.must(['send', 'Long walks', 'Just the two of us']);
    await carol.must(['inbox']);
    assert.equal(first(await carol.must(['group', 'show', 'Long walks']))['state'], 'removed');
    assert.ok(!(await textsFrom(carol, 'Long walks')).includes('Just the two of us'));
    const refused = await carol.run(['send', 'Long walks', 'Hello?']);
    assert.equal(refused.exitCode, 8, refused.stderr);
    await bob.must(['inbox']);
    assert.ok((await textsFrom(bob, 'Long walks')).includes('Just the two of us'));
    const told = (await bob.must(['history', 'Long walks'])).objects.flatMap(({ sentence }) =>
      typeof sentence === 'string' ? [sentence] : [],
    );
    assert.ok(
      told.some((sentence) => /called this group/.test(sentence)),
      told.join('\n'),
    );
  });

  test('reactions, edits, files, pins and receipts in a group', async () => {
    await alice.must(['send', 'Long walks', 'teh map']);
    const own = (await alice.must(['history', 'Long walks'])).objects.filter((each) => each['own'] === true);
    const id = String(own.at(-1)?.['id']);
    await alice.must(['edit', id, 'the map']);
    await bob.must(['inbox']);
    await bob.must(['react', id, '👍']);
    await alice.must(['inbox']);
    const [seen] = (await alice.must(['history', 'Long walks', '--limit', '1'])).objects;
    assert.equal(seen?.['text'], 'the map');
    assert.equal((seen?.['reactions'] as { emoji: string }[] | undefined)?.[0]?.emoji, '👍');

    const file = join(world.folder, 'map.txt');
    writeFileSync(file, 'left at the oak\n'.repeat(1000));
    await alice.must(['attach', 'Long walks', file, '--text', 'The way']);
    await bob.must(['inbox']);
    const [message] = (await bob.must(['history', 'Long walks', '--limit', '1'])).objects;
    const saved = first(await bob.must(['save', String(message?.['id']), '--to', world.folder]));
    assert.equal(readFileSync(String(saved['path']), 'utf8'), readFileSync(file, 'utf8'));

    await alice.must(['pin', id]);
    assert.deepEqual(
      (await alice.must(['pins', 'Long walks'])).objects.map((each) => each['text']),
      ['the map'],
    );
    await alice.must(['mute', 'Long walks', '8h']);
    const [listed] = (await alice.must(['conversations'])).objects.filter((each) => each['name'] === 'Long walks');
    assert.notEqual(listed?.['mutedUntil'], null);
  });

  test('R-GRP-1 who leaves is out, and the others see it', async () => {
    const left = await bob.run(['group', 'leave', 'Long walks']);
    assert.ok([0, 10].includes(left.exitCode), left.stderr);
    await alice.must(['inbox', '--keep-unread']);
    await alice.must(['group', 'show', 'Long walks']);
    const [group] = (await bob.must(['group', 'list'])).objects;
    assert.equal(group?.['state'], 'left');
  });

  test('what doctor writes for support holds nothing that people wrote, are called or can be found by', async () => {
    const file = join(world.folder, 'bundle.json');
    await alice.must(['doctor', '--bundle', file]);
    const bundle = readFileSync(file, 'utf8');
    const [self] = (await alice.must(['profile'])).objects;
    for (const secret of ['Long walks', 'Just the two of us', 'alice', 'bob', String(self?.['account'])]) {
      assert.ok(!bundle.includes(secret), secret);
    }
    assert.ok(bundle.length > 500);
  });
});
