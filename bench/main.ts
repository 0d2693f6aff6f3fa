/**
 * Benchmarks: `npm run bench -- SUITE [--json] [--quick] [--no-peers]`. `--json` prints one row a line, otherwise a table
 * follows at the end. `--quick` takes few samples: to see that it runs, not to quote. `--no-peers` installs nothing and
 * measures only our own.
 */
import { tableOf } from './rows.ts';
import type { Row } from './rows.ts';

/** What a suite is given. */
export interface SuiteOptions {
  readonly quick: boolean;
  /** Whether to compare with others. */
  readonly peers: boolean;
  /** Progress and remarks, for people. */
  readonly say: (line: string) => void;
  readonly row: (row: Row) => void;
}

type Suite = (options: SuiteOptions) => Promise<void>;

const SUITES: Readonly<Record<string, () => Promise<Suite>>> = {
  attachments: async () => (await import('./suites/attachments.ts')).attachments,
  'end-to-end': async () => (await import('./suites/end-to-end.ts')).endToEnd,
  gateway: async () => (await import('./suites/gateway.ts')).gateway,
  'group-log': async () => (await import('./suites/group-log.ts')).groupLog,
  groups: async () => (await import('./suites/groups.ts')).groups,
  mls: async () => (await import('./suites/mls.ts')).mls,
  pairwise: async () => (await import('./suites/pairwise.ts')).pairwise,
};

const FLAGS = ['--json', '--quick', '--no-peers'];
const args = process.argv.slice(2);
const names = args.filter((arg) => !arg.startsWith('--'));
const flags = args.filter((arg) => arg.startsWith('--'));
const unknown = [...names.filter((name) => !(name in SUITES)), ...flags.filter((flag) => !FLAGS.includes(flag))];
if (unknown.length > 0 || names.length === 0) {
  console.error(
    `Usage: npm run bench -- SUITE… [--json] [--quick] [--no-peers]; suites: ${Object.keys(SUITES).join(', ')}`,
  );
  process.exit(2);
}
const json = flags.includes('--json');
for (const name of names) {
  const suite = await SUITES[name]?.();
  const rows: Row[] = [];
  await suite?.({
    quick: flags.includes('--quick'),
    peers: !flags.includes('--no-peers'),
    say: (line) => console.error(line),
    row: (row) => {
      rows.push(row);
      if (json) console.log(JSON.stringify(row));
    },
  });
  if (!json) console.log(tableOf(rows));
}
