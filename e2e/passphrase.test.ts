import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { openPty } from './support/pty.ts';
import type { PtySession } from './support/pty.ts';
import { createWorld } from './support/world.ts';
import type { World } from './support/world.ts';

const main = join(import.meta.dirname, '..', 'packages', 'cli', 'src', 'main.ts');

describe('the passphrase at a terminal', () => {
  let world: World;
  const sotto = (...args: string[]): PtySession =>
    openPty({
      file: process.execPath,
      args: ['--conditions=@sotto/source', '--no-warnings', main, '--data', join(world.folder, 'erin'), ...args],
      columns: 120,
    });

  before(async () => {
    world = await createWorld('passphrase');
  });
  after(async () => world[Symbol.asyncDispose]());

  test('R-ID-8 is asked for twice when chosen, and never shown', async () => {
    using pty = sotto('init', '--gateway', world.gateway.address);
    await pty.waitFor('Your name, as contacts will see it:');
    pty.type('Erin\r');
    await pty.waitFor('Choose a passphrase');
    pty.type('mật khẩux\u007f dài\r');
    await pty.waitFor('once more');
    pty.type('mật khẩu dài\r');
    await pty.waitFor('You are Erin.');
    assert.equal((await pty.exited).exitCode, 0);
    assert.equal(pty.raw().includes('khẩu'), false);
  });

  test('R-ID-8 two that differ change nothing', async () => {
    using pty = openPty({
      file: process.execPath,
      args: [
        '--conditions=@sotto/source',
        '--no-warnings',
        main,
        '--data',
        join(world.folder, 'frank'),
        'init',
        '--name',
        'F',
        '--gateway',
        world.gateway.address,
      ],
    });
    await pty.waitFor('Choose a passphrase');
    pty.type('one\r');
    await pty.waitFor('once more');
    pty.type('another\r');
    await pty.waitFor('The two passphrases differ');
    assert.equal((await pty.exited).exitCode, 4);
  });

  test('R-ID-8 opens the profile, and a wrong one does not', async () => {
    using wrong = sotto('profile');
    await wrong.waitFor('Passphrase of the profile "default":');
    wrong.type('mật khẩu ngắn\r');
    await wrong.waitFor('That is not the passphrase of this profile.');
    assert.equal((await wrong.exited).exitCode, 4);
    using right = sotto('chat');
    await right.waitFor('Passphrase of the profile');
    right.type('mật khẩu dài\r');
    // The chat takes the same terminal over.
    await right.waitFor('nobody to write to yet');
    right.type('/contacts\r');
    await right.waitFor('No contacts yet');
    right.type('\u0003');
    assert.equal((await right.exited).exitCode, 0);
  });

  test('R-ID-8 Ctrl-C at the question stops', async () => {
    using pty = sotto('profile');
    await pty.waitFor('Passphrase of the profile');
    pty.type('half\u0003');
    assert.equal((await pty.exited).exitCode, 130);
  });
});
