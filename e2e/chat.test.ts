import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { Person, Program } from '../tools/harness/processes.ts';
import { openPty } from './support/pty.ts';
import type { PtySession } from './support/pty.ts';
import { befriend, createWorld } from './support/world.ts';
import type { World } from './support/world.ts';

const main = join(import.meta.dirname, '..', 'packages', 'cli', 'src', 'main.ts');

/** `sotto` in a pseudo-terminal. */
function terminal(person: Person, args: readonly string[], size: { columns?: number; rows?: number } = {}): PtySession {
  return openPty({ file: process.execPath, args: nodeArgs(person, args), ...size });
}

function nodeArgs(person: Person, args: readonly string[]): string[] {
  return [
    '--conditions=@sotto/source',
    '--no-warnings',
    main,
    '--data',
    person.home,
    '--profile',
    person.profile,
    ...args,
  ];
}

interface ChatEvent {
  readonly event: string;
  readonly message: { readonly text: string; readonly state: string; readonly own: boolean };
}

/** The other side of a conversation: a chat without a terminal, whose events are read here. */
class Partner {
  readonly #program: Program;

  constructor(program: Program) {
    this.#program = program;
  }

  say(text: string): void {
    this.#program.write(`${text}\n`);
  }

  async next(
    event: string,
    fits: (message: ChatEvent['message']) => boolean = () => true,
  ): Promise<ChatEvent['message']> {
    for (;;) {
      const line = JSON.parse(await this.#program.nextLine()) as ChatEvent;
      if (line.event === event && fits(line.message)) return line.message;
    }
  }

  async leave(): Promise<void> {
    this.#program.endInput();
    await this.#program.ended;
  }
}

describe('sotto chat in a terminal', () => {
  let world: World;
  let alice: Person;
  let bob: Person;
  let partner: Partner;

  before(async () => {
    world = await createWorld('chat');
    [alice, bob] = await Promise.all([world.person('alice'), world.person('bob')]);
    await befriend(alice, bob);
    partner = new Partner(bob.start('chat', 'alice'));
  });
  after(async () => {
    await partner.leave();
    await world[Symbol.asyncDispose]();
  });

  test('R-APP-2 texts of many scripts go both ways, and marks say how far they came', async () => {
    using chat = terminal(alice, ['chat', 'bob']);
    await chat.waitFor('── bob · connected ──');
    for (const text of [
      'Xin chào, thế nào?',
      'Привет! Как дела?',
      '你好，世界',
      '👨‍👩‍👧 🇻🇳 👋🏽',
      'Tiếng'.normalize('NFD'),
    ]) {
      chat.type(`${text}\r`);
      assert.equal((await partner.next('received')).text, text);
      // Read at the other side: the chat there marks what it prints.
      await chat.until(() => chat.lines().some((line) => line.includes(`✔✔ you: ${text}`)), `read mark of ${text}`);
      partner.say(`back: ${text}`);
      await chat.waitFor(`bob: back: ${text}`);
    }
    chat.type('/quit\r');
    assert.equal((await chat.exited).exitCode, 0);
  });

  test('R-APP-2 messages that arrive do not tear what is being typed; a paste of many lines is one message', async () => {
    using chat = terminal(alice, ['chat', 'bob'], { columns: 60, rows: 20 });
    await chat.waitFor('connected');
    const paste = Array.from({ length: 12 }, (_, i) => `line ${i + 1}: строка ${i + 1}`).join('\n');
    chat.type('typed before, ');
    for (let i = 0; i < 10; i++) {
      partner.say(`incoming ${i}`);
      chat.type(`${i}`);
    }
    chat.paste(`\n${paste}`);
    await chat.waitFor('bob: incoming 9');
    chat.resize(44, 18);
    partner.say('after the resize');
    await chat.waitFor('bob: after the resize');
    chat.type('\r');
    const arrived = await partner.next('received', ({ text }) => text.startsWith('typed before'));
    assert.equal(arrived.text, `typed before, 0123456789\n${paste}`);
    const lines = chat.lines();
    for (let i = 0; i < 10; i++) assert.equal(lines.filter((line) => line.endsWith(`bob: incoming ${i}`)).length, 1);
    assert.equal(lines.filter((line) => line.includes('── bob')).length, 1);
    chat.type('\u0004');
    assert.equal((await chat.exited).exitCode, 0);
  });

  test('R-APP-2 arrow-up brings back what was written; a text that begins with / can be sent', async () => {
    using chat = terminal(alice, ['chat', 'bob']);
    await chat.waitFor('connected');
    chat.type('first of two\rsecond of two\r');
    await partner.next('received', ({ text }) => text === 'second of two');
    chat.type('\u001b[A\u001b[A!\r');
    await partner.next('received', ({ text }) => text === 'first of two!');
    chat.type('/nonsense\r');
    await chat.waitFor('There is no command /nonsense; nothing was sent.');
    chat.type('\u0015//not a command\r');
    assert.equal((await partner.next('received')).text, '/not a command');
  });

  test('R-APP-2 a hostile text or name cannot touch the terminal', async () => {
    using chat = terminal(alice, ['chat', 'bob']);
    await chat.waitFor('connected');
    const written = chat.raw().length;
    partner.say('\u001b]0;owned\u0007\u001b[2J\u009b31mred\u202eevil');
    await chat.waitFor('bob: redevil');
    const shown = chat.raw().slice(written);
    assert.equal(shown.includes('owned'), false);
    assert.equal(shown.includes('\u001b[2J'), false);
    assert.equal(shown.includes('\u202e'), false);
  });

  test('R-APP-2 help, safety number, explanation, search and reactions are within reach', async () => {
    using chat = terminal(alice, ['chat', 'bob'], { columns: 100, rows: 45 });
    await chat.waitFor('connected');
    chat.type('/help\r');
    await chat.waitFor('/safety [ok|undo]');
    chat.type('/safety\r');
    await chat.waitFor(/^ {2}\d{5} \d{5} \d{5} \d{5}$/);
    chat.type('an unmistakable zebra\r');
    await chat.waitFor('✔✔ you: an unmistakable zebra');
    chat.type('/explain\r');
    await chat.waitFor('The receiving device has decrypted and stored it.');
    chat.type('/search zeb\r');
    await chat.waitFor('you to bob');
    chat.type('/edit an unmistakable okapi\r');
    await chat.waitFor('is now “an unmistakable okapi”');
    partner.say('react to this');
    await chat.waitFor('bob: react to this');
    chat.type('/rea\t👍\r');
    await chat.waitFor('you reacted 👍');
  });

  test('R-APP-2 what happens elsewhere is told: someone else writes, someone is writing, someone asks', async () => {
    const carol = await world.person('carol');
    using chat = terminal(alice, ['chat', 'bob']);
    await chat.waitFor('connected');
    await carol.must(['contact', 'add', 'alice', '--greeting', 'It is Carol']);
    await chat.waitFor('carol would like to write to you: “It is Carol”');
    chat.type('/acc\t\r');
    await chat.waitFor('── carol · connected ──');
    chat.type('/switch bob\r');
    await chat.waitFor('── bob · connected ──');
    using other = terminal(carol, ['chat', 'alice']);
    await other.waitFor('alice accepted.');
    other.type('from elsewhere\r');
    await chat.waitFor('carol wrote: “from elsewhere”. Read it with /switch carol');
    await chat.waitFor('1 new from carol');
    chat.type('/switch carol\r');
    await chat.waitFor('carol: from elsewhere');
    other.type('half a ');
    await chat.waitFor('── carol · is writing… · connected ──');
    other.type('\u0003');
    await other.exited;
  });

  test('R-APP-2 Ctrl-Z gives the terminal to the shell, and fg brings the chat back', async () => {
    using shell = openPty({ file: '/bin/bash', args: ['--norc', '--noprofile', '-i'], env: { PS1: 'shell> ' } });
    await shell.waitFor('shell>');
    const command = [process.execPath, ...nodeArgs(alice, ['chat', 'bob'])].map((part) => `'${part}'`).join(' ');
    shell.type(`${command}\r`);
    await shell.waitFor('── bob · connected ──');
    shell.type('a draft that stays');
    await shell.waitFor('> a draft that stays');
    shell.type('\u001a');
    await shell.waitFor('Stopped');
    shell.type('echo "the shell is $((40 + 2))"\r');
    await shell.waitFor('the shell is 42');
    shell.type('fg\r');
    await shell.until(() => shell.screen().some((row) => row.startsWith('> a draft that stays')), 'the draft again');
    shell.type(', and goes\r');
    await partner.next('received', ({ text }) => text === 'a draft that stays, and goes');
    shell.type('\u0003');
    await shell.waitFor(/^shell> $|^shell>$/);
  });

  test('R-APP-2 a profile that is open in a chat is not opened twice', async () => {
    using chat = terminal(alice, ['chat', 'bob']);
    await chat.waitFor('connected');
    const answer = await alice.run(['send', 'bob', 'hello']);
    assert.equal(answer.exitCode, 5);
    assert.match(answer.stdout, /"code":"in_use"/);
  });

  for (const [name, leave, code] of [
    ['Ctrl-C', (chat: PtySession) => chat.type('half a thought\u0003'), 0],
    ['Ctrl-D', (chat: PtySession) => chat.type('\u0004'), 0],
    ['/quit', (chat: PtySession) => chat.type('/quit\r'), 0],
    ['SIGTERM', (chat: PtySession) => process.kill(onlyChild(chat.pid), 'SIGTERM'), 143],
  ] as const) {
    test(`R-APP-2 after ${name} the terminal is as it was`, async () => {
      const command = [process.execPath, ...nodeArgs(alice, ['chat', 'bob'])].map((part) => `'${part}'`).join(' ');
      const script =
        `trap '' INT; stty -a > ${noted(world, 'before')}; (trap - INT; exec ${command}); echo "code $?"; ` +
        `stty -a > ${noted(world, 'after')}; echo done; read -r line; echo "typed $line"`;
      using shell = openPty({ file: '/bin/bash', args: ['-c', script] });
      await shell.waitFor('connected');
      leave(shell);
      await shell.waitFor('done');
      await shell.waitFor(`code ${code}`);
      assert.equal(readFileSync(noted(world, 'after'), 'utf8'), readFileSync(noted(world, 'before'), 'utf8'));
      assert.ok(shell.raw().lastIndexOf('\u001b[?2004l') > shell.raw().lastIndexOf('\u001b[?2004h'));
      assert.equal(
        shell.lines().some((line) => line.includes('── bob')),
        false,
      );
      // And it echoes and takes lines as a shell's does.
      shell.type('hello\r');
      await shell.waitFor('typed hello');
    });
  }
});

/** Where a shell notes the terminal's settings. */
function noted(world: World, when: string): string {
  return join(world.folder, `stty-${when}`);
}

function onlyChild(pid: number): number {
  return Number(readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim());
}
