import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { agree, Circle, notices, SECOND } from './support/circle.ts';
import { texts } from './support/people.ts';

suite('R-GRP-1 groups: what people do', () => {
  test('made, accepted, written in, and read by everybody', async () => {
    await using circle = await Circle.of(['alice', 'bob', 'carol']);
    const [alice, bob, carol] = circle.people as [never, never, never];
    const group = await circle.group('Walks');
    const people = [alice, bob, carol] as typeof circle.people;
    const sent = await people[0]!.messenger.send(group, 'from alice');
    await circle.pass(SECOND);
    await sent.accepted();
    await people[1]!.messenger.send(group, 'from bob');
    await circle.pass(SECOND);
    await people[2]!.messenger.send(group, 'from carol');
    await circle.pass(5 * SECOND);
    await sent.delivered();
    assert.deepEqual(await texts(people[2]!.messenger, group), ['from alice', 'from bob', 'from carol']);
    await agree(people, group);
    const [list] = (await people[1]!.messenger.conversations()).filter((each) => each.kind === 'group');
    assert.equal(list?.name, 'Walks');
    assert.equal(list?.last?.body.kind, 'text');
    assert.ok((await notices(people[0]!.messenger, group)).length >= 2);
    // Bob and Carol are no contacts of each other.
    const { members } = await people[1]!.messenger.groups.members(group);
    assert.deepEqual(members.map((member) => member.name).toSorted(), ['alice', 'bob', 'carol']);
  });
});
