/**
 * An agent: an ordinary account that answers every text with what it read; in groups, when it is named or mentioned.
 *
 *     npm run sotto -- serve                     # in another terminal, or use any gateway
 *     node --conditions=@sotto/source examples/echo-agent.ts FOLDER sotto://…
 *
 * FOLDER keeps its account; a second start goes on with the same one.
 */
import { Agent } from '@sotto/client';

const [, , folder = 'echo-agent', gateway = ''] = process.argv;

const agent = await Agent.start({
  folder,
  gateway,
  name: 'echo',
  accountName: 'echo',
  answer: ({ text }) => `You wrote: ${text}`,
});

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void agent.close());
// Started by another program with a channel to it: says when it is there, and ends with it.
process.once('disconnect', () => void agent.close());
process.channel?.unref();
process.send?.({ event: 'ready' });
