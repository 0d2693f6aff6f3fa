import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { CliError } from '../error.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** The folders of one home. All are below `root`. */
export interface Home {
  readonly root: string;
  /** Data of a gateway run by "sotto serve" without a folder of its own, or by "npm start". */
  readonly gateway: string;
  readonly logs: string;
  /** Says where a gateway of this home can be reached while it runs. */
  readonly runningGateway: string;
  /** Folder of a profile's vault. */
  profile(name: string): string;
  readonly profiles: string;
}

/** `--data`, else SOTTO_HOME, else where this operating system keeps a person's data. */
export function homeOf(data: string | undefined, env: Environment): Home {
  const root = resolve(data ?? env['SOTTO_HOME'] ?? defaultRoot(env));
  return {
    root,
    gateway: join(root, 'gateway'),
    logs: join(root, 'logs'),
    runningGateway: join(root, 'gateway', 'running.json'),
    profiles: join(root, 'profiles'),
    profile: (name) => join(root, 'profiles', profileName(name)),
  };
}

/** A profile's name is a folder's name: nothing that leaves it. Throws `usage`. */
export function profileName(name: string): string {
  if (/^[a-z0-9][a-z0-9._-]{0,31}$/.test(name) && !name.includes('..')) return name;
  throw new CliError(
    'usage',
    `A profile's name has 1 to 32 of these characters: a-z 0-9 . _ - (and begins with a letter or digit).`,
    'For example: --profile work',
  );
}

function defaultRoot(env: Environment): string {
  if (process.platform === 'darwin') return join(homedir(), 'Library', 'Application Support', 'Sotto');
  if (process.platform === 'win32') return join(env['LOCALAPPDATA'] ?? join(homedir(), 'AppData', 'Local'), 'Sotto');
  const base = env['XDG_DATA_HOME'];
  return join(base !== undefined && base.startsWith('/') ? base : join(homedir(), '.local', 'share'), 'sotto');
}
