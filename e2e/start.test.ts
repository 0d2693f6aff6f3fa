import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { nothingRunning } from './support/left-running.ts';
import { openPty } from './support/pty.ts';
import type { PtySession } from './support/pty.ts';

const run = promisify(execFile);
const home = mkdtempSync(join(tmpdir(), 'sotto-start-'));
after(() => rmSync(home, { recursive: true, force: true }));

/** On a slow machine with other tests beside it. The aim of five seconds is for a machine that does nothing else. */
const FIRST_ANSWER_MS = 15_000;

describe('npm start without a terminal', () => {
  const folder = join(home, 'alone');
  const start = async (): Promise<string> => {
    const { stdout } = await run('npm', ['start', '--silent'], {
      env: { ...process.env, SOTTO_HOME: folder, FORCE_COLOR: '0' },
      timeout: 60_000,
    });
    return stdout;
  };

  test('R-APP-2 holds the conversation by itself, says so, ends, and leaves nothing running', async (t) => {
    const out = await start();
    assert.match(out, /no terminal here/);
    assert.match(out, /^echo: You wrote: Hello/m);
    assert.match(out, /^ {2}account {2}alice, just made/m);
    const seconds = Number(/first encrypted answer was here after ([\d.]+) s/.exec(out)?.[1]);
    t.diagnostic(`first answer after ${seconds} s`);
    assert.ok(seconds * 1000 < FIRST_ANSWER_MS, out);
    assert.deepEqual(await nothingRunning(folder), []);
  });

  test('R-APP-2 the second time goes on with the same account', async () => {
    assert.match(await start(), /^ {2}account {2}alice, as before/m);
    assert.deepEqual(await nothingRunning(folder), []);
  });

  test('R-RULE-3 no text is in the logs of gateway and agent', () => {
    const logs = join(folder, 'logs');
    assert.ok(readdirSync(logs).length >= 2);
    for (const file of readdirSync(logs)) {
      assert.doesNotMatch(readFileSync(join(logs, file), 'utf8'), /Hello|You wrote|Chào/, file);
    }
  });

  test('R-APP-2 a gateway whose data was thrown away is another one, and that is told', async () => {
    const copy = join(home, 'thrown-away');
    cpSync(join(folder, 'profiles'), join(copy, 'profiles'), { recursive: true });
    await assert.rejects(
      run('npm', ['start', '--silent'], { env: { ...process.env, SOTTO_HOME: copy } }),
      (error: { code: number; stderr: string }) => error.code !== 0 && error.stderr.includes('at another gateway'),
    );
    assert.deepEqual(await nothingRunning(copy), []);
  });

  test('R-APP-2 a failure is told in a sentence and by the exit code', async () => {
    await assert.rejects(
      run('npm', ['start', '--silent', '--', '--profile', '../x'], { env: { ...process.env, SOTTO_HOME: folder } }),
      (error: { code: number; stderr: string }) => error.code !== 0 && error.stderr.includes("A profile's name has"),
    );
  });
});

describe('npm start in a terminal', () => {
  const folder = join(home, 'terminal');
  const open = (...args: string[]): PtySession =>
    openPty({
      file: 'npm',
      args: ['start', ...(args.length > 0 ? ['--', ...args] : [])],
      columns: 110,
      rows: 40,
      env: { SOTTO_HOME: folder },
    });

  test('R-APP-2 a newcomer, a second person, and what is left when the first one leaves', async () => {
    using alice = open();
    await alice.waitFor('Welcome to Sotto. You are alice.', FIRST_ANSWER_MS);
    await alice.waitFor('npm start -- --profile bob');
    await alice.waitFor('profile passphrase');
    await alice.waitFor(/echo: You wrote: Hello!/, FIRST_ANSWER_MS);
    alice.type('Есть кто?\r');
    await alice.waitFor('echo: You wrote: Есть кто?');
    await alice.waitFor(/✔✔ you: Есть кто\?/);

    using bob = open('--profile', 'bob');
    await bob.waitFor('You are bob.', FIRST_ANSWER_MS);
    await bob.waitFor('was running already');
    await bob.waitFor(/echo: You wrote: Hello!/, FIRST_ANSWER_MS);
    bob.type('/add alice\r');
    await bob.waitFor('alice was asked');
    bob.type('Chào alice!\r');
    await alice.waitFor('bob would like to write to you');
    alice.type('/accept bob\r');
    await alice.waitFor('bob: Chào alice!');
    alice.type('Chào bob 👋\r');
    await bob.waitFor('alice: Chào bob 👋');

    // The first one leaves, and with her the gateway she had started: the second one's window takes over.
    alice.type('\u0003');
    assert.equal((await alice.exited).exitCode, 0);
    bob.type('still there?\r');
    bob.type('/switch echo\r');
    bob.type('and you?\r');
    await bob.waitFor('echo: You wrote: and you?', 30_000);

    // And she comes back to the same account and history, and to what was written meanwhile.
    using again = open();
    await again.waitFor('Welcome back, alice.', FIRST_ANSWER_MS);
    await again.waitFor('echo: You wrote: Есть кто?');
    again.type('/switch bob\r');
    await again.waitFor('bob: still there?', 30_000);
    again.type('/quit\r');
    assert.equal((await again.exited).exitCode, 0);
    bob.type('\u0004');
    assert.equal((await bob.exited).exitCode, 0);
    assert.deepEqual(await nothingRunning(folder), []);
  });

  test('R-APP-2 the same person twice: a sentence, not a crash', async () => {
    using alice = open();
    await alice.waitFor('Welcome back', FIRST_ANSWER_MS);
    using second = open();
    await second.waitFor('open in another', FIRST_ANSWER_MS);
    assert.notEqual((await second.exited).exitCode, 0);
    alice.type('\u0003');
    await alice.exited;
    assert.deepEqual(await nothingRunning(folder), []);
  });

  for (const instant of [400, 1300]) {
    test(`R-APP-2 Ctrl-C ${instant} ms after the start leaves nothing running`, async () => {
      using early = open();
      await delay(instant);
      // Again and again, as an impatient person: a press before npm itself has started reaches nobody.
      const pressing = setInterval(() => early.type('\u0003'), 300);
      await early.exited;
      clearInterval(pressing);
      assert.deepEqual(await nothingRunning(folder), []);
    });
  }

  test('R-APP-2 killed outright, it leaves neither gateway nor agent running', async () => {
    using alice = open();
    await alice.waitFor('Welcome back', FIRST_ANSWER_MS);
    const note = JSON.parse(readFileSync(join(folder, 'gateway', 'running.json'), 'utf8')) as { pid: number };
    // The parent of the gateway is the program itself, below npm and its shell.
    const parent = Number(/^PPid:\s*(\d+)/m.exec(readFileSync(`/proc/${note.pid}/status`, 'utf8'))?.[1]);
    process.kill(parent, 'SIGKILL');
    await alice.exited;
    assert.deepEqual(await nothingRunning(folder), []);
    assert.equal(existsSync(join(folder, 'gateway', 'running.json')), false);
  });
});
