import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { Circle, MINUTE, SECOND } from './support/circle.ts';
import { texts } from './support/people.ts';

const MEMBERS = Number(process.env['SOTTO_GROUP_MEMBERS'] ?? '100');

suite('R-GRP-5 large groups', () => {
  test(`${MEMBERS} members: invited at once, all join, all read`, async () => {
    const names = Array.from({ length: MEMBERS }, (_, i) => `person-${i}`);
    await using circle = await Circle.of(names, { settings: { autoAcceptGroups: true } });
    const [first, ...others] = circle.people;
    assert.ok(first !== undefined);
    const accounts = await Promise.all(others.map((person) => circle.account(person)));
    const begun = process.cpuUsage();
    const { id } = await first.messenger.groups.create({ name: 'Many', accounts });
    await circle.pass(MINUTE);
    const { user } = process.cpuUsage(begun);
    process.stdout.write(`# ${MEMBERS} in after ${Math.round(user / 1000)} ms of processor time\n`);
    await first.messenger.send(id, 'hello, everybody');
    await circle.pass(30 * SECOND);
    for (const person of circle.people) {
      assert.equal((await person.messenger.groups.get(id))?.members, MEMBERS, person.name);
      assert.deepEqual(await texts(person.messenger, id), ['hello, everybody'], person.name);
    }
    const view = await circle.people.at(-1)?.messenger.groups.members(id, { limit: 10 });
    assert.equal(view?.members.length, 10);
    assert.ok(view.after !== null);
  });
});
