import assert from 'node:assert/strict';
import { execFile, spawnSync } from 'node:child_process';
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import { Person } from '../tools/harness/processes.ts';
import type { Answer } from '../tools/harness/processes.ts';
import { createWorld, textsFrom } from './support/world.ts';
import type { World } from './support/world.ts';

function first(answer: Answer): Record<string, unknown> {
  const [object] = answer.objects;
  assert.ok(object !== undefined, answer.stderr);
  return object;
}

function errorCode(answer: Answer): string {
  return (answer.objects.at(-1)?.['error'] as { code: string } | undefined)?.code ?? '';
}

describe('the sotto command against a real gateway', () => {
  let world: World;
  let alice: Person;
  let bob: Person;

  before(async () => {
    world = await createWorld('cli');
    [alice, bob] = await Promise.all([world.person('alice'), world.person('bob')]);
  });
  after(async () => world[Symbol.asyncDispose]());

  test('R-APP-2 a stranger asks, is accepted, and both write', async () => {
    const link = String(first(await bob.must(['contact', 'link']))['contactLink']);
    assert.match(link, /^sotto:contact\//);
    const asked = first(
      await alice.must(['contact', 'add', link.toUpperCase(), '--greeting', 'It is me', '--nickname', 'Bobby']),
    );
    assert.equal(asked['state'], 'requested');
    assert.equal(asked['nickname'], 'Bobby');

    // What is written before the answer is kept, and said so by the exit code.
    const early = await alice.run(['send', 'bobby', 'written early', '--timeout', '1']);
    assert.equal(early.exitCode, 10, early.stderr);
    assert.equal(first(early)['done'], false);

    const [request] = (await bob.must(['requests'])).objects;
    assert.equal(request?.['name'], 'alice');
    assert.equal(request?.['greeting'], 'It is me');
    assert.equal(first(await bob.must(['requests', 'accept', 'alice']))['state'], 'accepted');

    await alice.must(['inbox']);
    assert.deepEqual(
      (await bob.must(['inbox'])).objects.map((message) => message['text']),
      ['written early'],
    );
    const sent = await bob.must(['send', 'alice', 'Chào', 'alice 👋']);
    assert.equal(first(sent)['state'], 'accepted');
    assert.deepEqual(
      (await alice.must(['inbox'])).objects.map((message) => message['text']),
      ['Chào alice 👋'],
    );
    assert.deepEqual((await alice.must(['inbox'])).objects, [], 'read once');
  });

  test('R-APP-2 standard input: one message, or one a line', async () => {
    await alice.must(['send', 'bobby'], 'first line\nsecond line\n');
    const lines = await alice.must(['send', 'bobby', '--lines'], 'a\n\nb\nc\n');
    assert.equal(lines.objects.length, 3);
    await bob.must(['inbox']);
    assert.deepEqual((await textsFrom(bob, 'alice')).slice(-4), ['first line\nsecond line', 'a', 'b', 'c']);
  });

  test('R-APP-2 history, search, explain, reply, reaction, edit and delete', async () => {
    // Receipts come when she is there.
    await alice.must(['inbox']);
    const own = (await alice.must(['history', 'bobby'])).objects.filter((message) => message['own'] === true);
    const id = String(own.at(-1)?.['id']);
    const explained = first(await alice.must(['explain', id.slice(0, 10)]));
    assert.equal(explained['message'], id);
    const codes = (explained['steps'] as { code: string }[]).map(({ code }) => code);
    for (const code of ['stored', 'sealed', 'accepted', 'delivered']) assert.ok(codes.includes(code), codes.join());
    assert.equal(first(await alice.must(['explain', '--last', 'bobby']))['message'], id);

    await alice.must(['edit', id, 'c, but better']);
    await bob.must(['inbox']);
    const seen = (await bob.must(['history', 'alice'])).objects.find((message) => message['id'] === id);
    assert.equal(seen?.['text'], 'c, but better');
    assert.equal(seen?.['edited'], true);
    await bob.must(['react', id, '👍']);
    await bob.must(['send', 'alice', '--reply-to', id, 'an answer']);
    await alice.must(['inbox']);
    const reacted = (await alice.must(['history', 'bobby'])).objects;
    const reactions = reacted.find((message) => message['id'] === id)?.['reactions'] as { emoji: string }[] | undefined;
    assert.equal(reactions?.[0]?.emoji, '👍');
    assert.equal(reacted.at(-1)?.['replyTo'], id);
    assert.equal((await alice.must(['search', 'bett'])).objects.length, 1);
    await alice.must(['delete', id]);
    await bob.must(['inbox']);
    assert.equal(
      (await bob.must(['history', 'alice'])).objects.find((message) => message['id'] === id)?.['kind'],
      'deleted',
    );
    assert.equal((await bob.must(['search', 'better'])).objects.length, 0);
  });

  test('R-ID-5 both sides see the same safety number, and can note that they compared it', async () => {
    const [here, there] = await Promise.all([
      alice.must(['safety-number', 'bobby']),
      bob.must(['safety-number', 'alice']),
    ]);
    assert.match(String(first(here)['digits']), /^(?:\d{5} ){11}\d{5}$/);
    assert.equal(first(here)['digits'], first(there)['digits']);
    assert.equal(first(await alice.must(['contact', 'verify', 'bobby']))['verification'], 'verified');
    assert.equal(first(await alice.must(['contact', 'verify', 'bobby', '--undo']))['verification'], 'unverified');
  });

  test('R-APP-2 profile: shown, renamed, found by another name', async () => {
    assert.equal(first(await alice.must(['profile']))['accountName'], 'alice');
    await alice.must(['profile', 'set', '--name', 'Alice Nguyễn']);
    await bob.must(['inbox']);
    assert.equal(first(await bob.must(['contact', 'list']))['profileName'], 'Alice Nguyễn');
    assert.equal((await alice.must(['profile', 'devices'])).objects.length, 1);
    assert.deepEqual((await alice.must(['profile', 'list'])).objects, [
      { profile: 'alice', keystore: 'file', current: true },
    ]);
  });

  test('R-APP-2 declined and blocked', async () => {
    const carol = await world.person('carol');
    await carol.must(['contact', 'add', 'bob']);
    assert.equal(first(await bob.must(['requests', 'decline', 'carol']))['state'], 'declined');
    await carol.must(['inbox']);
    const refused = await carol.run(['send', 'bob', 'please']);
    assert.equal(refused.exitCode, 8);
    assert.equal(first(await bob.must(['contact', 'block', 'carol']))['state'], 'blocked');
    assert.equal(first(await bob.must(['contact', 'unblock', 'carol']))['state'] === 'blocked', false);
  });

  test('R-APP-2 a passphrase: set, needed, wrong, changed, removed; read from files, never from arguments', async () => {
    const dave = await world.person('dave');
    const file = (name: string, text: string): string => {
      const path = join(world.folder, name);
      writeFileSync(path, `${text}\n`);
      chmodSync(path, 0o600);
      return path;
    };
    const good = file('good', 'correct horse battery staple');
    const other = file('other', 'một câu khác');
    await dave.must(['--passphrase-file', good, 'profile', 'passphrase']);
    const none = await dave.run(['profile']);
    assert.equal(none.exitCode, 4);
    assert.equal(errorCode(none), 'locked');
    const wrong = await dave.run(['--passphrase-file', other, 'profile']);
    assert.equal(wrong.exitCode, 4);
    await dave.must(['--passphrase-file', good, 'profile', 'passphrase', '--new-passphrase-file', other]);
    assert.equal((await dave.run(['--passphrase-file', good, 'profile'])).exitCode, 4);
    assert.equal(first(await dave.must(['--passphrase-file', other, 'profile']))['keystore'], 'passphrase');
    await dave.must(['--passphrase-file', other, 'profile', 'passphrase', '--remove']);
    await dave.must(['profile']);
  });

  test('R-APP-2 doctor finds nothing wrong, and says what is when something is', async () => {
    const well = await bob.run(['doctor']);
    assert.equal(well.exitCode, 0, well.stdout);
    const checks = well.objects.map(({ check }) => check);
    for (const check of ['runtime', 'disk', 'vault', 'gateway', 'clock', 'prekeys', 'outbox'])
      assert.ok(checks.includes(check), check);
    await world.gateway.kill();
    const away = await bob.run(['doctor']);
    assert.equal(away.exitCode, 12);
    assert.equal(away.objects.find(({ check }) => check === 'gateway')?.['verdict'], 'problem');
    // Without a gateway messages are stored, inboxes say so, and nothing hangs.
    const stored = await bob.run(['send', 'alice', 'while the gateway is away']);
    assert.equal(stored.exitCode, 10);
    assert.ok(stored.ms < 9000, `${stored.ms} ms`);
    assert.equal((await bob.run(['inbox'])).exitCode, 7);
    await world.gateway.start();
    await bob.must(['inbox']);
    await alice.must(['inbox']);
    assert.equal((await textsFrom(alice, 'bob')).at(-1), 'while the gateway is away');
  });

  test('R-GW-1 the token of "sotto token" calls the gateway with curl', async (t) => {
    const { token, url } = first(await bob.must(['token'])) as { token: string; url: string };
    const args = ['--silent', '--cacert', join(world.gateway.folder, 'ca.pem')];
    args.push('-H', `authorization: Bearer ${token}`, '-H', 'content-type: application/json', '-d', '{}');
    args.push(`${url}/sotto.gateway.v1.DeviceService/GetPrekeyStock`);
    // Not a synchronous call: the tap that curl's bytes go through is in this process.
    const answered = await promisify(execFile)('curl', args).catch((error: NodeJS.ErrnoException) => error);
    if (answered instanceof Error) {
      if (answered.code !== 'ENOENT') throw answered;
      t.skip('curl is not installed');
      return;
    }
    const answer = JSON.parse(answered.stdout) as { stock: { oneTime: number } };
    assert.ok(answer.stock.oneTime > 0);
  });

  test('R-APP-2 errors: a sentence and an exit code of their own', async () => {
    const nobody = new Person('nobody', join(world.folder, 'nobody'));
    const cases: [Person, string[], number, string][] = [
      [nobody, ['history', 'x'], 3, 'no_profile'],
      [alice, ['history', 'nobody-here'], 6, 'not_found'],
      [alice, ['contact', 'add', 'nobody-here'], 6, 'not_found'],
      [alice, ['contact', 'add', 'sotto:contact/zzzz'], 2, 'usage'],
      [alice, ['send', 'bobby', 'x', '--wait', 'forever'], 2, 'usage'],
      [alice, ['explain', 'aaaaaaaaaa'], 6, 'not_found'],
      [alice, ['init', '--name', 'Again', '--gateway', world.gateway.address, '--keystore', 'file'], 3, 'no_profile'],
      [nobody, ['init', '--name', 'N', '--gateway', 'http://example.org', '--keystore', 'file'], 2, 'usage'],
      [
        nobody,
        ['init', '--name', 'N', '--gateway', 'sotto://127.0.0.1:1/' + 'a'.repeat(52), '--keystore', 'file'],
        7,
        'unreachable',
      ],
      [alice, ['no-such-command'], 2, 'usage'],
    ];
    for (const [person, args, exit, code] of cases) {
      const answer = await person.run(args);
      assert.equal(answer.exitCode, exit, `${args.join(' ')}: ${answer.stdout}`);
      assert.equal(errorCode(answer), code, args.join(' '));
    }
  });

  test('R-APP-2 fields printed with --json are those of docs/cli.md', async () => {
    const page = readFileSync(join(import.meta.dirname, '..', 'docs', 'cli.md'), 'utf8');
    const [message] = (await bob.must(['history', 'alice', '--limit', '1'])).objects;
    const [contact] = (await bob.must(['contact', 'list'])).objects;
    for (const field of [...Object.keys(message ?? {}), ...Object.keys(contact ?? {})]) {
      assert.ok(page.includes(`\`${field}\``), field);
    }
    for (const [args, command] of [
      [['profile'], 'profile'],
      [['contact', 'link'], 'contact link'],
      [['safety-number', 'alice'], 'safety-number'],
      [['doctor'], 'doctor'],
    ] as const) {
      const object = first(await bob.must(args));
      const row = page.split('\n').find((line) => line.startsWith(`| \`${command}\``)) ?? '';
      for (const field of Object.keys(object)) assert.match(row, new RegExp(`\\b${field}\\b`), `${command}: ${field}`);
    }
  });
});

test('R-APP-2 "sotto --help" is there at once: it loads the command line and nothing that it works with', () => {
  const bin = join(import.meta.dirname, '..', 'packages', 'cli', 'bin', 'sotto.mjs');
  const listing = `
    import { registerHooks } from 'node:module';
    const loaded = [];
    registerHooks({ load: (url, context, next) => (loaded.push(url), next(url, context)) });
    process.on('exit', () => process.stderr.write(loaded.join('\\n')));`;
  const hooks = `data:text/javascript,${encodeURIComponent(listing)}`;
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--import', hooks, bin, '--help']);
  assert.equal(status, 0);
  assert.match(stdout.toString(), /safety-number/);
  const loaded = stderr.toString().split('\n');
  assert.ok(
    loaded.some((url) => url.endsWith('/cli/src/program.ts')),
    stderr.toString(),
  );
  const own = loaded.filter((url) => /\/packages\/(?!cli\/)|node:(?:sqlite|crypto|http2|tls)$/.test(url));
  assert.deepEqual(own, []);
  assert.ok(loaded.length < 60, `${loaded.length} modules`);
});
