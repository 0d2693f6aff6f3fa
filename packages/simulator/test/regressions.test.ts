import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { describe, test } from 'node:test';
import type { DeviceNode } from '../src/device/device-node.ts';
import { lift } from '../src/play/faults.ts';
import { newFolder } from '../src/play/seed.ts';
import { messengerOf, World } from '../src/play/world.ts';

const SECOND = 1000;
const MINUTE = 60 * SECOND;

/** Runs a scene in a small world of its own. */
async function scene(accounts: readonly number[], act: (world: World, ...devices: DeviceNode[]) => Promise<void>) {
  const folder = newFolder('memory');
  const world = await World.create({ seed: 'regression', folder, accounts, groups: true });
  try {
    await act(world, ...world.devices);
  } finally {
    await world.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

describe('what seeds have found', () => {
  test('a block made on one own device and taken back on another leaves the contact accepted on both', () =>
    scene([2, 1], async (world, first, second) => {
      const [contact] = await world.settled(messengerOf(first).contacts());
      await world.settled(messengerOf(first).block(contact!.account));
      await world.pass(MINUTE);
      await world.settled(messengerOf(second).unblock(contact!.account));
      await world.pass(MINUTE);
      for (const device of [first, second]) {
        assert.equal((await world.settled(messengerOf(device).contact(contact!.account)))?.state, 'accepted');
      }
    }));

  test('two own devices that decide in the same millisecond end with the same decision', () =>
    scene([2, 1], async (world, first, second) => {
      const [contact] = await world.settled(messengerOf(first).contacts());
      for (const device of [first, second]) device.way.weather = { kind: 'cut' };
      const names = [first, second].map((device, i) => messengerOf(device).setNickname(contact!.account, `name ${i}`));
      await world.settled(Promise.all(names));
      lift(world);
      await world.pass(10 * MINUTE);
      const [a, b] = await world.settled(
        Promise.all([first, second].map((device) => messengerOf(device).contact(contact!.account))),
      );
      assert.equal(a?.nickname, b?.nickname);
    }));

  test('a device that could not come up because its disk was full comes up and sends once there is room', () =>
    scene([1, 1], async (world, sender, receiver) => {
      const [contact] = await world.settled(messengerOf(sender).contacts());
      sender.way.weather = { kind: 'cut' };
      const { id } = await world.settled(messengerOf(sender).send(contact!.conversation, 'Hello'));
      sender.crash();
      sender.diskFull = true;
      await world.pass(MINUTE);
      lift(world);
      await world.pass(10 * MINUTE);
      assert.notEqual(await world.settled(messengerOf(receiver).message(id)), null);
    }));

  test('a login that the gateway refuses while it restarts is told as a refusal, not as a fault of the program', () =>
    scene([1, 1], async (world, device) => {
      const problems: string[] = [];
      messengerOf(device).events.on('problem', ({ error }) => void problems.push(error.code));
      for (let i = 0; i < 20; i++) {
        world.gateway.crash();
        await world.pass(20 * i);
        world.gateway.skewMs = i % 2 === 0 ? -10 * MINUTE : 0;
        world.gateway.start();
        await world.pass(3 * SECOND);
      }
      assert.ok(!problems.includes('internal'), problems.join());
    }));

  test('a clock that is set forward does not make a message of the group unreadable that is on its way', () =>
    scene([1, 1], async (world, owner, member) => {
      const [group] = await world.settled(messengerOf(owner).groups.list());
      member.way.weather = { kind: 'cut' };
      const { id } = await world.settled(messengerOf(member).send(group!.id, 'sealed in the epoch before'));
      await world.pass(SECOND);
      await world.settled(messengerOf(owner).groups.edit(group!.id, { name: 'in another epoch' }));
      await world.pass(5 * SECOND);
      owner.skewMs = 180 * MINUTE;
      await world.pass(20 * SECOND);
      lift(world);
      await world.pass(10 * MINUTE);
      assert.notEqual(await world.settled(messengerOf(owner).message(id)), null);
    }));
});
