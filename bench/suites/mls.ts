import type { SuiteOptions } from '../main.ts';
import { rowOf } from '../rows.ts';
import { floor } from './mls/floor.ts';
import type { Implementation, Member } from './mls/member.ts';
import { sotto } from './mls/sotto.ts';

const TEXT = new Uint8Array(100).fill(0x61);
const MESSAGES = 100;
const COMMITS = 6;
/** The largest group that other implementations are asked for: beyond it they take minutes. */
const PEER_MEMBERS = 1000;

/**
 * Group operations by size, in milliseconds, bytes and megabytes; `members` is in each row. Messages and commits go
 * through their whole way, bytes to bytes, and state is counted as the contents that have to be stored after the operation.
 */
export async function mls({ quick, peers, say, row }: SuiteOptions): Promise<void> {
  const sizes = quick ? [10, 100] : [10, 100, 1000, 10_000];
  const implementations: Implementation[] = [sotto('sotto', 1), sotto('sotto-x-wing', 0xf002)];
  if (peers) {
    implementations.push(await (await import('../../packages/mls/test/bench/ts-mls-1.ts')).tsMls1('ts-mls@1.6.4'));
    implementations.push(
      await (await import('../../packages/mls/test/bench/ts-mls-2.ts')).tsMls2('ts-mls@2.0.0-rc.10'),
    );
  }
  for (const members of sizes) {
    for (const implementation of implementations) {
      if (members > PEER_MEMBERS && !implementation.impl.startsWith('sotto')) continue;
      say(`${implementation.impl}, ${members} members`);
      for (const [name, { unit, samples }] of await measure(implementation, members)) {
        row({ ...rowOf('mls', implementation.impl, name, unit, samples), members });
      }
    }
    for (const [impl, hybrid] of [
      ['floor', false],
      ['floor-x-wing', true],
    ] as const) {
      for (const [name, took] of Object.entries(floor(members, hybrid))) {
        row({ ...rowOf('mls', impl, name, 'ms', [took]), members });
      }
    }
  }
}

type Measured = Map<string, { readonly unit: string; readonly samples: number[] }>;

async function measure(implementation: Implementation, members: number): Promise<Measured> {
  const measured: Measured = new Map();
  const note = (name: string, unit: string, value: number): void => {
    const entry = measured.get(name) ?? { unit, samples: [] };
    entry.samples.push(value);
    measured.set(name, entry);
  };
  const time = async <T>(name: string, run: () => Promise<T>): Promise<T> => {
    const from = performance.now();
    const result = await run();
    note(name, 'ms', performance.now() - from);
    return result;
  };
  const newcomers = [];
  for (let i = 0; i < members; i++) newcomers.push(await time('keypackage', () => implementation.newcomer(i)));
  const [founder, ...others] = newcomers;
  const [middle, last] = [newcomers[members >> 1], newcomers[members - 1]];
  if (founder === undefined || middle === undefined || last === undefined) throw new Error('too few members');
  const keyPackages = others.map(({ keyPackage }) => keyPackage);
  // Twice where it is quick, so that the first is a warm-up.
  const rounds = members <= 1000 ? 2 : 1;
  let first: Member | null = null;
  let welcome: Uint8Array | null = null;
  for (let round = 0; round < rounds; round++) {
    const group = await implementation.create(founder);
    ({ welcome } = await time('add-all', () => group.addAll(keyPackages)));
    first = group;
  }
  if (first === null || welcome === null) throw new Error('no group');
  const all = [first];
  for (const newcomer of [middle, last]) {
    const bytes = welcome;
    all.push(await time('join', () => newcomer.join(bytes)));
  }
  const [a, b, c] = all as [Member, Member, Member];
  for (const member of all) member.stateBytes();

  for (let i = 0; i < MESSAGES; i++) {
    const message = await time('encrypt', () => a.encrypt(TEXT));
    note('state-bytes-per-message', 'B', a.stateBytes());
    await time('decrypt', () => b.process(message));
    note('state-bytes-per-message', 'B', b.stateBytes());
  }
  await commit({ time, note }, 'update-blank-tree', 'process-update-blank-tree', a, [b, c]);
  for (let i = 0; i < COMMITS; i++) {
    const [maker, ...receivers] = i % 2 === 0 ? [c, b, a] : [b, a, c];
    if (maker === undefined) throw new Error('nobody');
    await commit({ time, note }, 'update', 'process-commit', maker, receivers);
  }
  const { commit: removal, take } = await time('remove', () => a.remove(1));
  take();
  for (const member of [b, c]) await time('process-remove', () => member.process(removal));
  note('rss-mb', 'MB', process.memoryUsage.rss() / 1e6);
  return measured;
}

async function commit(
  on: {
    time<T>(name: string, run: () => Promise<T>): Promise<T>;
    note(name: string, unit: string, value: number): void;
  },
  making: string,
  processing: string,
  maker: Member,
  receivers: readonly Member[],
): Promise<void> {
  const made = await on.time(making, () => maker.update());
  made.take();
  maker.stateBytes();
  for (const receiver of receivers) {
    await on.time(processing, () => receiver.process(made.commit));
    if (processing === 'process-commit') on.note('state-bytes-per-commit', 'B', receiver.stateBytes());
    else receiver.stateBytes();
  }
}
