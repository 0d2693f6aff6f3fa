import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { decodeEnvelope, idHex } from '@sotto/wire';
import type { DiagnosedConversation } from '../src/index.ts';
import { accountOf, conversationOf, deviceOf, messageOf } from '../src/store/refs.ts';
import { damaged } from './support/damage.ts';
import { MINUTE, pair, SECOND } from './support/pair.ts';

/** An id in all the forms in which it could slip out. */
function forms(id: Uint8Array, ref: string): string[] {
  const bytes = Buffer.from(id);
  return [ref, bytes.toString('hex'), bytes.toString('base64').replace(/=+$/, ''), bytes.toString('base64url')];
}

const lines = ({ messages }: DiagnosedConversation) =>
  messages.map(({ name, device, height }) => [name, device, height]);

suite('a bundle for support', { timeout: 60_000 }, () => {
  test('holds no text, name, id, address or key of anything that happened', async () => {
    await using scene = await pair({ bobs: 2 });
    const { alice, bob, clock, conversation, gateway, deviceA, deviceB } = scene;
    const [hers, his] = [await alice.messenger.self(), await bob.messenger.self()];
    const words = ['zanzibar', 'quetzalcoatl', 'xylophone', 'jabberwocky', 'Ozymandias', 'vexillology'];
    await alice.messenger.setProfile({ name: 'Ozymandias' });
    await alice.messenger.setNickname(his.account, 'vexillology');
    const first = await alice.messenger.send(conversation, 'zanzibar is lovely');
    await clock.advance(SECOND);
    await bob.messenger.send(conversation, { kind: 'reaction', message: first.id, emoji: '🦜' });
    await bob.messenger.send(conversation, { kind: 'edit', message: first.id, text: 'no' }).catch(() => undefined);
    await alice.messenger.send(conversation, { kind: 'edit', message: first.id, text: 'quetzalcoatl is lovely' });
    await alice.messenger.configureConversation(conversation, { draft: { text: 'xylophone' } });
    gateway.bend = (_mailbox, envelope) => (decodeEnvelope(envelope).urgency === 'high' ? damaged(envelope) : envelope);
    await alice.messenger.send(conversation, 'jabberwocky, damaged on its way');
    await clock.advance(200);
    gateway.cutOff.add(deviceB);
    await bob.reopen();
    gateway.bend = (_mailbox, envelope) => envelope;
    await alice.messenger.send(conversation, 'not there yet');
    await clock.advance(MINUTE);
    gateway.cutOff.delete(deviceB);
    const secrets: string[] = [...words, 'alice', 'bob', 'tablet', '🦜', gateway.address, 'memory.example'];
    const ids: [Uint8Array, string][] = [
      [accountOf(hers.account), hers.account],
      [accountOf(his.account), his.account],
      [deviceOf(hers.device), hers.device],
      [deviceOf(his.device), his.device],
      [conversationOf(conversation), conversation],
      [messageOf(first.id), first.id],
    ];
    for (const [id, ref] of ids) secrets.push(...forms(id, ref));
    for (const device of [deviceA, deviceB]) secrets.push(idHex(gateway.devices.get(device)!.mailbox));
    for (const { envelope } of gateway.posted) secrets.push(idHex(decodeEnvelope(envelope).sealed.subarray(0, 8)));
    for (const hash of gateway.capabilities.keys()) secrets.push(hash);
    for (const { messenger } of [alice, bob]) {
      const text = JSON.stringify(await messenger.diagnostics());
      assert.ok(text.length > 1000);
      for (const secret of secrets) {
        assert.ok(!text.toLowerCase().includes(secret.toLowerCase()), `${secret} is in the bundle`);
      }
    }
  });

  test('bundles of both sides match line by line, and what went wrong can be followed from one into the other', async () => {
    await using scene = await pair();
    const { alice, bob, clock, conversation, gateway } = scene;
    for (let i = 0; i < 5; i++) {
      await (i % 2 === 0 ? alice : bob).messenger.send(conversation, `number ${i}`);
      await clock.advance(SECOND);
    }
    gateway.bend = (_mailbox, envelope) => (decodeEnvelope(envelope).urgency === 'high' ? damaged(envelope) : envelope);
    await alice.messenger.send(conversation, 'damaged');
    await clock.advance(200);
    gateway.bend = (_mailbox, envelope) => envelope;
    const before = await bob.messenger.diagnostics({ caseCode: 'T-1001' });
    const awaited = before.conversations[0]?.messages.at(-1);
    assert.equal(awaited?.kind, 'placeholder');
    assert.equal(before.conversations[0]?.wanted[0]?.name, awaited.name);
    await clock.advance(MINUTE);
    const sideOf = async ({ messenger }: typeof alice): Promise<DiagnosedConversation> =>
      (await messenger.diagnostics({ caseCode: 'T-1001' })).conversations[0]!;
    const [hers, his] = [await sideOf(alice), await sideOf(bob)];
    assert.equal(hers.name, his.name);
    assert.deepEqual(lines(hers), lines(his));
    assert.equal(hers.messages.length, 6);
    assert.deepEqual(hers.ends, his.ends);
    // Each message came in an envelope that its sender says it left in.
    for (const [i, message] of his.messages.entries()) {
      const twin = hers.messages[i]!;
      const [sent, came] = message.own ? [message, twin] : [twin, message];
      const names = sent.envelopes.map((each) => each.name);
      assert.ok(came.envelopes.some((each) => names.includes(each.name)));
    }
    assert.deepEqual(
      his.messages.at(-1)?.steps.map((step) => step.code),
      ['damaged', 'asking', 'found', 'healed', 'received', 'receipt-sent'],
    );
  });

  test('another case, another conversation and a stranger have other names for the same things', async () => {
    await using scene = await pair();
    const { alice, clock, conversation } = scene;
    await alice.messenger.send(conversation, 'hello');
    await clock.advance(MINUTE);
    const namesOf = async (caseCode: string): Promise<Set<string>> => {
      const { conversations } = await alice.messenger.diagnostics({ caseCode });
      return new Set(
        conversations.flatMap((each) => [
          each.name,
          ...each.devices.map((device) => device.name),
          ...each.messages.map((message) => message.name),
        ]),
      );
    };
    const [one, same, other] = [await namesOf('one'), await namesOf('one'), await namesOf('other')];
    assert.deepEqual(one, same);
    assert.ok(one.isDisjointFrom(other));
    await assert.rejects(alice.messenger.diagnostics({ messages: 0 }), { code: 'invalid_argument' });
    const { conversations } = await alice.messenger.diagnostics({ messages: 1 });
    assert.equal(conversations[0]?.messages.length, 1);
  });
});
