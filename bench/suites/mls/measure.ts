import { rowOf } from '../../rows.ts';
import type { Row } from '../../rows.ts';
import { floor } from './floor.ts';
import type { Implementation, Member } from './member.ts';
import { sotto } from './sotto.ts';

const TEXT = new Uint8Array(100).fill(0x61);
const MESSAGES = 100;
const COMMITS = 10;
/** Members. */
const WARM_UP = 20;

/** By the name of their rows. */
export const IMPLEMENTATIONS: Readonly<Record<string, (impl: string) => Promise<Implementation>>> = {
  sotto: async (impl) => sotto(impl, 1),
  'sotto-x-wing': async (impl) => sotto(impl, 0xf002),
  'ts-mls@1.6.4': async (impl) => (await import('../../../packages/mls/test/bench/ts-mls-1.ts')).tsMls1(impl),
  'ts-mls@2.0.0-rc.10': async (impl) => (await import('../../../packages/mls/test/bench/ts-mls-2.ts')).tsMls2(impl),
};

export function floorRows(members: number): Row[] {
  return (
    [
      ['floor', false],
      ['floor-x-wing', true],
    ] as const
  ).flatMap(([impl, hybrid]) =>
    Object.entries(floor(members, hybrid)).map(([name, samples]) => ({
      ...rowOf('mls', impl, name, 'ms', samples),
      members,
    })),
  );
}

/** What was measured, by name, as it comes. */
class Notes {
  readonly #samples = new Map<string, { readonly unit: string; readonly samples: number[] }>();

  add(name: string, unit: string, value: number): void {
    const entry = this.#samples.get(name) ?? { unit, samples: [] };
    entry.samples.push(value);
    this.#samples.set(name, entry);
  }

  async time<T>(name: string, run: () => Promise<T>): Promise<T> {
    const from = performance.now();
    const result = await run();
    this.add(name, 'ms', performance.now() - from);
    return result;
  }

  rows(impl: string, members: number): Row[] {
    return [...this.#samples].map(([name, { unit, samples }]) => ({
      ...rowOf('mls', impl, name, unit, samples),
      members,
    }));
  }
}

/** All rows of one implementation at one size, after a small group that nobody counts. */
export async function measure(implementation: Implementation, members: number): Promise<Row[]> {
  await measureOnce(implementation, WARM_UP, new Notes());
  const notes = new Notes();
  await measureOnce(implementation, members, notes);
  return notes.rows(implementation.impl, members);
}

async function measureOnce(implementation: Implementation, members: number, notes: Notes): Promise<void> {
  await messagesAndMembers(implementation, members, notes);
  const [a, b] = await implementation.inFullTree(members);
  for (const member of [a, b]) member.stateBytes();
  for (let i = 0; i < COMMITS; i++) {
    const [maker, receiver] = i % 2 === 0 ? [a, b] : [b, a];
    const { commit, take } = await notes.time('update-full-tree', () => maker.update());
    take();
    maker.stateBytes();
    await notes.time('process-commit', () => receiver.process(commit));
    notes.add('state-bytes-per-commit', 'B', receiver.stateBytes());
  }
}

async function messagesAndMembers(implementation: Implementation, members: number, notes: Notes): Promise<void> {
  const newcomers = [];
  for (let i = 0; i < members; i++) newcomers.push(await notes.time('keypackage', () => implementation.newcomer(i)));
  const [founder, ...others] = newcomers;
  const [middle, last] = [newcomers[members >> 1], newcomers[members - 1]];
  if (founder === undefined || middle === undefined || last === undefined) throw new Error('too few members');
  const keyPackages = others.map(({ keyPackage }) => keyPackage);
  const rounds = members <= 100 ? 8 : members <= 1000 ? 3 : 1;
  const groups: Member[] = [];
  let welcome: Uint8Array = new Uint8Array(0);
  for (let round = 0; round < rounds; round++) {
    const group = await implementation.create(founder);
    ({ welcome } = await notes.time('add-all', () => group.addAll(keyPackages)));
    groups.push(group);
  }
  const a = groups.pop();
  if (a === undefined) throw new Error('no group');
  const joined: Member[] = [];
  for (let i = 0; i <= rounds; i++) {
    const newcomer = i % 2 === 0 ? middle : last;
    joined.push(await notes.time('join', () => newcomer.join(welcome)));
  }
  const [b, c] = joined as [Member, Member];
  for (const member of [a, b, c]) member.stateBytes();
  notes.add('rss-mb', 'MB', process.memoryUsage.rss() / 1e6);

  for (let i = 0; i < MESSAGES; i++) {
    const message = await notes.time('encrypt', () => a.encrypt(TEXT));
    notes.add('state-bytes-per-message', 'B', a.stateBytes());
    await notes.time('decrypt', () => b.process(message));
    notes.add('state-bytes-per-message', 'B', b.stateBytes());
  }
  for (const group of groups) await notes.time('update-blank-tree', () => group.update());
  const update = await notes.time('update-blank-tree', () => a.update());
  update.take();
  a.stateBytes();
  for (const receiver of [b, c]) {
    await notes.time('process-update-blank-tree', () => receiver.process(update.commit));
    receiver.stateBytes();
  }
  const removal = await notes.time('remove', () => a.remove(1));
  removal.take();
  for (const member of [b, c]) await notes.time('process-remove', () => member.process(removal.commit));
}
