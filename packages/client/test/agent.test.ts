import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { suite, test } from 'node:test';
import { systemClock } from '@sotto/transport';
import { saidTo } from '../src/agent/addressed.ts';
import { Agent } from '../src/index.ts';
import type { AgentOptions } from '../src/index.ts';
import { testFolder } from './support/folders.ts';
import { MemoryGateway } from './support/memory-gateway.ts';
import { Person, quick, texts, until } from './support/people.ts';

const body = (text: string) =>
  ({ kind: 'text', text, replyTo: null, edited: false, mentions: [], forwarded: false, attachments: [] }) as const;

/** An agent's folder and a person who has written to it. */
async function scene(answer: AgentOptions['answer']) {
  const gateway = new MemoryGateway(systemClock);
  const effects = { openTransport: gateway.openTransport };
  const folder = testFolder('agent');
  const start = (with_: AgentOptions['answer'] = answer) =>
    Agent.start({ folder, gateway: gateway.address, name: 'bot', answer: with_, settings: quick, effects });
  const agent = await start();
  const alice = await Person.create('alice', gateway.address, { effects });
  const accepted = alice.messenger.events.next('contact-changed', {
    where: ({ contact }) => contact.state === 'accepted',
  });
  const { conversation } = await alice.messenger.addContact(await agent.messenger.contactLink());
  await accepted;
  return {
    agent,
    alice,
    conversation,
    start,
    async [Symbol.asyncDispose]() {
      await alice[Symbol.asyncDispose]();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

suite('agents', { timeout: 60_000 }, () => {
  test('an agent accepts who asks, and answers every text as a reply, in order', async () => {
    await using town = await scene(({ text }) => (text === 'quiet' ? null : text.toUpperCase()));
    const { agent, alice, conversation } = town;
    for (const text of ['one', 'quiet', 'two']) await alice.messenger.send(conversation, text);
    const seen = await until(
      () => texts(alice.messenger, conversation),
      (all) => all.includes('TWO'),
    );
    assert.deepEqual(
      seen.filter((text) => text === text.toUpperCase()),
      ['ONE', 'TWO'],
    );
    const { entries } = await alice.messenger.history(conversation);
    const replies = entries.flatMap((entry) =>
      entry.kind === 'message' && entry.message.body.kind === 'text' ? [entry.message.body.replyTo] : [],
    );
    assert.equal(replies.filter((target) => target !== null).length, 2);
    await until(
      () => agent.messenger.conversation(conversation),
      (known) => known?.unread === 0,
    );
    await agent.close();
  });

  test('what came while it was away, or was not answered, is answered after the next start, and once', async () => {
    await using town = await scene(({ text }) => `heard ${text}`);
    const { agent, alice, conversation, start } = town;
    const first = await alice.messenger.send(conversation, 'first');
    await until(
      () => texts(alice.messenger, conversation),
      (all) => all.includes('heard first'),
    );
    await first.read();
    await agent.close();
    await alice.messenger.send(conversation, 'second');
    await using again = await start();
    await until(
      () => texts(alice.messenger, conversation),
      (all) => all.includes('heard second'),
    );
    await again.close();
    await using third = await start();
    const last = await alice.messenger.send(conversation, 'third');
    await last.read();
    const all = await until(
      () => texts(alice.messenger, conversation),
      (texts_) => texts_.includes('heard third'),
    );
    assert.deepEqual(
      all.filter((text) => text.startsWith('heard')),
      ['heard first', 'heard second', 'heard third'],
    );
    await third.close();
  });

  test('an answer that fails is told as a problem, and the next message is answered', async () => {
    await using town = await scene(({ text }) => {
      if (text === 'bad') throw new Error('cannot');
      return 'fine';
    });
    const { agent, alice, conversation } = town;
    const problem = agent.messenger.events.next('problem');
    await alice.messenger.send(conversation, 'bad');
    await alice.messenger.send(conversation, 'good');
    assert.equal((await problem).error.code, 'listener_failed');
    await until(
      () => texts(alice.messenger, conversation),
      (all) => all.includes('fine'),
    );
    await agent.close();
  });

  test('contacts bring it into groups, where it answers when it is named and is quiet otherwise', async () => {
    await using town = await scene(({ text, group }) => `${group?.name}: ${text}`);
    const { agent, alice, conversation } = town;
    const contact = (await alice.messenger.conversation(conversation)) ?? assert.fail('no conversation');
    assert.ok(contact.kind === 'direct');
    const joined = agent.messenger.events.next('group-joined');
    const { id } = await alice.messenger.groups.create({ name: 'Walks', accounts: [contact.contact] });
    await joined;
    await alice.messenger.send(id, 'Not for anybody in particular');
    await alice.messenger.send(id, 'bot, who leads?');
    const seen = await until(
      () => texts(alice.messenger, id),
      (all) => all.includes('Walks: who leads?'),
    );
    assert.equal(seen.filter((text) => text.startsWith('Walks:')).length, 1);
    await agent.close();
  });

  test('in a group it is meant when it is named, mentioned, replied to or given a command', () => {
    const plain = { name: 'echo', repliesToOwn: false };
    const said = (text: string, facts = plain, mentioned = false) => saidTo({ mentioned }, body(text), facts);
    assert.equal(said('echo, hello there'), 'hello there');
    assert.equal(said('@Echo: hello'), 'hello');
    assert.equal(said('echoes are fun'), null);
    assert.equal(said('hello'), null);
    assert.equal(said('hello', { ...plain, repliesToOwn: true }), 'hello');
    assert.equal(said('hello', plain, true), 'hello');
    assert.equal(said('/help'), '/help');
  });
});
