import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { openPty } from '../../../e2e/support/pty.ts';
import type { PtySession } from '../../../e2e/support/pty.ts';

const fixture = join(import.meta.dirname, 'fixtures', 'typewriter.ts');
const folder = mkdtempSync(join(tmpdir(), 'sotto-terminal-'));
after(() => rmSync(folder, { recursive: true }));

function typewriter(args: readonly string[] = [], size: { columns?: number; rows?: number } = {}): PtySession {
  return openPty({ file: process.execPath, args: ['--conditions=@sotto/source', fixture, ...args], ...size });
}

/** Runs it under a shell that notes the terminal's settings before and after, and does not die of Ctrl-C itself. */
function underShell(): PtySession {
  const script =
    `trap '' INT; stty -a > ${folder}/before; (trap - INT; exec "${process.execPath}" --conditions=@sotto/source ` +
    `"${fixture}"); echo "code $?"; stty -a > ${folder}/after; echo done`;
  return openPty({ file: '/bin/bash', args: ['-c', script] });
}

function sameSettings(): void {
  assert.equal(readFileSync(join(folder, 'after'), 'utf8'), readFileSync(join(folder, 'before'), 'utf8'));
}

async function ready(pty: PtySession): Promise<void> {
  await pty.waitFor('typewriter');
  await pty.settled();
}

const texts = {
  Vietnamese: 'Xin chào, hôm nay bạn thế nào?',
  'Vietnamese with combining characters': 'Tiếng Việt'.normalize('NFD'),
  Russian: 'Привет, как дела?',
  'wide characters': '你好，世界',
  emoji: 'ok 👍 🎉 done',
  'emoji of several characters': 'family 👨‍👩‍👧 flag 🇻🇳 skin 👋🏽',
};

for (const [name, text] of Object.entries(texts)) {
  test(`R-APP-2 typing ${name}: shown as typed, deleted character by character`, async () => {
    using pty = typewriter();
    await ready(pty);
    pty.type(text);
    await pty.waitFor(`> ${text}`);
    // As many backspaces as a person sees characters leave nothing behind.
    const characters = Array.from(new Intl.Segmenter().segment(text)).length;
    for (let i = 0; i < characters - 1; i++) pty.type('\u007f');
    await pty.settled();
    const first = new Intl.Segmenter().segment(text)[Symbol.iterator]().next().value?.segment;
    assert.equal(
      pty.screen().find((row) => row.startsWith('>')),
      `> ${first}`,
    );
    pty.type('\u007f');
    await pty.settled();
    assert.equal(
      pty
        .screen()
        .find((row) => row.startsWith('>'))
        ?.trimEnd(),
      '>',
    );
  });
}

test('R-APP-2 incoming lines do not tear what is being typed', async () => {
  using pty = typewriter(['--busy'], { columns: 60, rows: 16 });
  await pty.waitFor('typewriter');
  const text = 'a long draft of several rows, with 你好 and Привет and 👍, typed while lines come in all the time';
  for (const character of text) {
    pty.type(character);
    await new Promise((resolve) => setTimeout(resolve, 4));
  }
  const joined = (): string =>
    pty
      .screen()
      .slice(pty.screen().findIndex((row) => row.startsWith('>')))
      .map((row) => row.slice(2))
      .join('');
  await pty.until(() => joined().replaceAll(' ', '') === text.replaceAll(' ', ''), 'the whole draft in the last rows');
  pty.type('\r');
  await pty.waitFor('you: a long draft');
  const lines = pty.lines();
  assert.equal(lines.filter((line) => line.includes('you: ')).length, 1);
  // Each incoming line is there once, whole, in order; the footer left nothing among them.
  const incoming = lines.filter((line) => line.startsWith('incoming '));
  assert.ok(incoming.length > 10);
  incoming.forEach((line, i) => assert.equal(line, `incoming ${i + 1} ${'x'.repeat((i + 1) % 90)}`.trimEnd()));
  assert.equal(lines.filter((line) => line.includes('── typewriter ──')).length, 1);
});

test('R-APP-2 a paste of many lines is one message', async () => {
  using pty = typewriter();
  await ready(pty);
  const lines = Array.from({ length: 30 }, (_, i) => `line ${i + 1} — строка`);
  pty.type('before ');
  pty.paste(lines.join('\n'));
  await pty.waitFor('line 30');
  assert.equal(
    pty.lines().some((line) => line.includes('you: ')),
    false,
  );
  pty.type('\r');
  await pty.waitFor('you: before line 1 — строка');
  await pty.settled();
  const shown = pty.lines();
  const start = shown.findIndex((line) => line.includes('you: '));
  assert.deepEqual(shown.slice(start + 1, start + 30), lines.slice(1));
});

test('R-APP-2 a paste cannot smuggle control sequences', async () => {
  using pty = typewriter();
  await ready(pty);
  pty.paste('harmless\u001b[2J\u0007\u009b31m\u202e end');
  pty.type('\r');
  await pty.waitFor('you: harmless end');
});

test('R-APP-2 keys as in a shell: arrows, words, home and end, line breaks', async () => {
  using pty = typewriter();
  await ready(pty);
  pty.type('one two three');
  pty.type('\u001b[D\u001b[D\u0017'); // left, left, Ctrl-W
  pty.type('\u0001>\u0005<'); // Ctrl-A, Ctrl-E
  pty.type('\u001b\r'); // Alt-Enter
  pty.type('second\u001b[A\u001b[C!'); // up, right
  pty.type('\r');
  await pty.waitFor('you: >one tw!o ee<');
  await pty.waitFor(/^second$/);
});

test('R-APP-2 resizing keeps the draft whole and the messages once', async () => {
  using pty = typewriter([], { columns: 80, rows: 20 });
  await ready(pty);
  for (let i = 1; i <= 12; i++) pty.type(`message number ${i} ${'with some more words '.repeat(i % 4)}\r`);
  await pty.waitFor('message number 12');
  const draft = 'a draft that needs two rows in a narrow window and one in a wide one, 你好 included';
  pty.type(draft);
  await pty.settled();
  for (const [columns, rows] of [
    [40, 20],
    [33, 12],
    [100, 30],
    [61, 8],
    [80, 20],
  ] as const) {
    pty.resize(columns, rows);
    await new Promise((resolve) => setTimeout(resolve, 60));
    await pty.settled();
    const screen = pty.screen();
    const shown = screen
      .slice(screen.findIndex((row) => row.startsWith('>')))
      .map((row) => row.slice(2))
      .join('');
    assert.equal(shown.replaceAll(' ', ''), draft.replaceAll(' ', ''), `at ${columns} by ${rows}`);
  }
  const lines = pty.lines();
  for (let i = 1; i <= 12; i++) {
    assert.equal(
      lines.filter((line) => line.includes(`message number ${i} `) || line.endsWith(`number ${i}`)).length,
      1,
    );
  }
  assert.equal(lines.filter((line) => line.includes('── typewriter ──')).length, 1, lines.join('\n'));
});

test('R-APP-2 a mark is rewritten in its own line and nowhere else', async () => {
  using pty = typewriter([], { columns: 50, rows: 12 });
  await ready(pty);
  pty.type('first\r');
  pty.type(`second ${'which is long enough to wrap '.repeat(3)}\r`);
  pty.type('third 👍\r');
  await pty.waitFor('you: third');
  pty.type('mark m1\r');
  await pty.waitFor('✓✓ you: first');
  pty.type('mark m2\r');
  await pty.waitFor('✓✓ you: second');
  for (let i = 0; i < 12; i++) pty.type(`filler ${i}\r`);
  await pty.waitFor('filler 11');
  pty.type('mark m3\r');
  await pty.settled();
  const lines = pty.lines();
  assert.equal(lines.filter((line) => line.includes('✓✓')).length, 2);
  assert.equal(lines.filter((line) => line.includes('·  you: third 👍')).length, 1);
});

test('R-APP-2 Ctrl-C gives the terminal back as it was', async () => {
  using pty = underShell();
  await ready(pty);
  pty.type('half a thought\u0003');
  await pty.waitFor('code 0');
  await pty.waitFor('done');
  sameSettings();
  assert.equal(pty.raw().lastIndexOf('\u001b[?2004l') > pty.raw().lastIndexOf('\u001b[?2004h'), true);
  assert.equal(pty.raw().lastIndexOf('\u001b[?25h') > pty.raw().lastIndexOf('\u001b[?25l'), true);
  assert.equal(
    pty.lines().some((line) => line.includes('typewriter ──')),
    false,
  );
});

test('R-APP-2 a crash gives the terminal back and shows the error', async () => {
  using pty = underShell();
  await ready(pty);
  pty.type('crash\r');
  await pty.waitFor('the program crashed');
  await pty.waitFor('done');
  sameSettings();
});

for (const [signal, code] of [
  ['SIGTERM', 143],
  ['SIGHUP', 129],
  ['SIGINT', 130],
] as const) {
  test(`R-APP-2 ${signal} gives the terminal back as it was`, async () => {
    using pty = underShell();
    await ready(pty);
    pty.type('half a thought');
    // The program is the shell's only child.
    process.kill(Number(readFileSync(`/proc/${pty.pid}/task/${pty.pid}/children`, 'utf8')), signal);
    await pty.waitFor('done');
    sameSettings();
    await pty.waitFor(`code ${code}`);
  });
}
