import assert from 'node:assert/strict';
import { test } from 'node:test';
import { person, textOf } from './support.ts';

test('R-PAIR-1 R-ENG-1 a session starts from a bundle, and both sides talk', async () => {
  const [alice, bob] = [await person(), await person()];
  const session = await alice.start(bob);
  assert.equal(textOf(await bob.receive(await alice.send(bob, session, 'one'))), 'one');
  assert.equal(textOf(await bob.receive(await alice.send(bob, session, 'two'))), 'two');
  const [back] = [...bob.records.keys()].filter((name) => name.startsWith('session/'));
  assert.equal(textOf(await alice.receive(await bob.send(alice, back!, 'three'))), 'three');
  assert.equal(
    [...alice.records.keys()].some((name) => name.startsWith('opening/')),
    false,
  );
  for (let i = 0; i < 40; i++) {
    assert.equal(textOf(await bob.receive(await alice.send(bob, session, `a${i}`))), `a${i}`);
    if (i % 7 === 0) assert.equal(textOf(await alice.receive(await bob.send(alice, back!, `b${i}`))), `b${i}`);
  }
});
