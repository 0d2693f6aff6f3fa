import type { SuiteOptions } from '../main.ts';
import { rowOf } from '../rows.ts';
import { gather } from './crowd.ts';

const TEXT = 'x'.repeat(1024);

/**
 * Messages of 1 KiB in groups of 10, 100 and 1000 accounts, through the public interface against a gateway in a process
 * of its own. `group-send-1k`: from the call of `send` until the gateway has the message on disk. `group-receive`: CPU of
 * a member that was away, for each message it finds in the log. `join-to-first-message-ms`: from saying yes to an
 * invitation until the first message that was written afterwards is there.
 */
export async function messages({ quick, say, row }: SuiteOptions): Promise<void> {
  for (const members of quick ? [10] : [10, 100, 1000]) {
    say(`Gathering a group of ${members} …`);
    await using crowd = await gather(members);
    const { sender, group } = crowd;
    const add = (name: string, unit: string, samples: readonly number[]): void =>
      row({ ...rowOf('groups', 'sotto', name, unit, samples), members });

    const joins: number[] = [];
    for (let i = 0; i < (quick ? 2 : 5); i++) {
      const member = await crowd.member(i);
      while ((await member.groups.invitations()).length === 0) await member.events.next('group-invited');
      const first = member.events.next('message-received', { where: ({ message }) => message.conversation === group });
      const began = performance.now();
      await member.groups.accept(group);
      await sender.send(group, 'Welcome');
      await first;
      joins.push(performance.now() - began);
      await member.close();
    }
    add('join-to-first-message-ms', 'ms', joins);

    const count = quick ? 30 : 300;
    const times: number[] = [];
    const writtenBefore = crowd.written();
    const cpuBefore = process.cpuUsage();
    for (let i = 0; i < count; i++) {
      const began = performance.now();
      const sent = await sender.send(group, TEXT);
      await sent.accepted();
      times.push(performance.now() - began);
    }
    const { user, system } = process.cpuUsage(cpuBefore);
    add('group-send-1k', 'ms', times);
    add('group-send-1k-cpu', 'us', [(user + system) / count]);
    add('group-send-1k-gateway-writes', 'bytes', [(crowd.written() - writtenBefore) / count]);

    const opened = process.cpuUsage();
    const member = await crowd.member(0);
    let left = count;
    for await (const { message } of member.events.stream(['message-received'])) {
      if (message.conversation === group && --left === 0) break;
    }
    const receiving = process.cpuUsage(opened);
    await member.close();
    add('group-receive', 'us', [(receiving.user + receiving.system) / count]);
    add('group-send-1k-wire', 'bytes', [await crowd.entryBytes()]);
  }
}
