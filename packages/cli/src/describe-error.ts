import { CliError } from './error.ts';
import type { ExitCode } from './exit-codes.ts';

type Failure = Exclude<ExitCode, 'ok'>;
type Description = readonly [code: Failure, sentence: string | null, advice?: string];

// Keyed by the `code` of the packages' errors, which are recognised by `name`: importing the classes would load the
// whole SDK for `sotto --help`. `null` as sentence keeps the error's own, where it says which rule was broken.
const messenger: Record<string, Description> = {
  account_exists: [
    'no_profile',
    'This profile has an account already.',
    'Use it, or choose another one with --profile NAME.',
  ],
  no_account: ['no_profile', 'There is no account in this profile yet.', 'Create one with "sotto init".'],
  registration_refused: [
    'refused',
    'The gateway takes no new accounts, or not without a (correct) registration code.',
    'Ask whoever runs it for a code and pass it with --registration-code.',
  ],
  name_taken: ['refused', 'That account name is taken at this gateway.', 'Choose another one.'],
  invalid_argument: ['usage', null],
  not_found: ['not_found', null],
  wrong_state: ['refused', null],
  untrusted: [
    'untrusted',
    'What the gateway sent does not prove who it is about. Nothing was kept.',
    'Ask the other person for a fresh contact link, and do not trust this gateway until you know why.',
  ],
  unreachable: [
    'unreachable',
    'The gateway cannot be reached.',
    'Is it running ("sotto serve"), and this machine online? What you wrote is kept; "sotto doctor" looks closer.',
  ],
  refused: ['refused', 'The gateway refused.'],
  revoked: [
    'refused',
    'This device was revoked by another device of the account.',
    'It can no longer send or receive. Its history stays in the profile folder.',
  ],
  expired: [
    'waiting',
    'The message expired before it could be delivered.',
    '"sotto explain" tells what happened to it.',
  ],
  undeliverable: ['refused', 'The message cannot be delivered.', '"sotto explain" tells why.'],
  attachment_unreadable: ['usage', null, 'Is the path right, and may you read the file?'],
  attachment_gone: ['not_found', 'The gateway has this attachment no more.', 'Ask the other person to send it again.'],
  attachment_damaged: [
    'untrusted',
    'What the gateway has is not what was sent. Nothing of it was kept.',
    'Ask the other person to send it again.',
  ],
  attachment_mismatch: ['untrusted', 'The attachment is not what its message says.', 'It can still be saved.'],
  aborted: ['interrupted', 'Stopped.'],
  corrupt_store: ['damaged', 'The vault holds something that this program did not write.', 'Run "sotto doctor".'],
};

const vault: Record<string, Description> = {
  not_found: ['no_profile', 'There is no account in this profile yet.', 'Create one with "sotto init".'],
  exists: ['no_profile', 'This profile has an account already.', 'Use it, or choose another one with --profile NAME.'],
  locked: [
    'in_use',
    'This profile is open in another process.',
    'Close the other window (a chat, or an agent), or choose another profile with --profile NAME.',
  ],
  wrong_passphrase: ['locked', 'That is not the passphrase of this profile.', 'Try again; capitals matter.'],
  wrong_keystore: ['locked', 'This profile is protected in another way than the one given.'],
  keystore_unavailable: [
    'locked',
    'The key file of this profile is missing or belongs to another one.',
    'It lies beside the vault; without it nobody can open the profile.',
  ],
  insecure_permissions: [
    'locked',
    'The key file of this profile can be read by other users, so it is not used.',
    'If nobody read it, make it private again: chmod 600 on the key file.',
  ],
  tampered: [
    'damaged',
    'The vault was changed from outside: rows were altered, removed or put back.',
    'Do not trust what it shows. Restore a copy you trust, or start a new profile.',
  ],
  damaged: ['damaged', 'The vault file is damaged.', 'Restore a copy, or start a new profile.'],
  newer_version: ['refused', 'This profile was written by a newer version of Sotto.', 'Update Sotto.'],
  full: ['failed', 'There is no room on the disk. Nothing was changed.', 'Free some space and try again.'],
  read_only: ['failed', 'The profile folder cannot be written.', 'Check who owns it and its permissions.'],
  io: ['failed', 'The disk failed to read or write the vault.', 'Check the disk, then run "sotto doctor".'],
};

const gateway: Record<string, Description> = {
  unreachable: messenger['unreachable'] ?? ['unreachable', null],
  deadline: ['unreachable', 'The gateway did not answer in time.', 'Try again, or look closer with "sotto doctor".'],
  'wrong-gateway': [
    'untrusted',
    'Something else answers at this address, not the gateway that the address names.',
    'Check the address. If it is right, someone may be in between.',
  ],
  certificate: [
    'unreachable',
    "The gateway's certificate is not valid at this time.",
    "Check this machine's clock and the gateway's: one of them is probably wrong.",
  ],
  'rate-limited': ['refused', 'The gateway asks to slow down.', 'Try again in a minute.'],
  'not-found': ['not_found', 'The gateway knows no such account.'],
  'registration-closed': messenger['registration_refused'] ?? ['refused', null],
  revoked: messenger['revoked'] ?? ['refused', null],
};

const server: Record<string, Description> = {
  config: ['usage', null, 'See "sotto help serve"; settings are options or SOTTO_GATEWAY_… in the environment.'],
  'data-in-use': [
    'in_use',
    'Another gateway is using this data folder.',
    'Stop it first, or choose another folder with --folder.',
  ],
  data: ['failed', null, "Look at the data folder's owner, permissions and free space."],
  certificate: ['failed', null],
  listen: ['failed', null, 'Is another program using the port, or is the address not of this machine? See --listen.'],
};

const tables: Record<string, Record<string, Description>> = {
  MessengerError: messenger,
  VaultError: vault,
  GatewayApiError: gateway,
  GatewayError: server,
};

/** What a person should read instead of `error`: never a stack, never an error code alone. */
export function describeError(error: unknown): CliError {
  if (error instanceof CliError) return error;
  if (!(error instanceof Error))
    return new CliError('failed', 'Something unexpected went wrong.', null, { cause: error });
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  if (error.name === 'MessengerError' && code === 'refused' && error.cause instanceof Error) {
    const inner = describeError(error.cause);
    if (inner.code !== 'failed') return inner;
  }
  if (error.name === 'WireError') return new CliError('usage', sentence(error.message), null, { cause: error });
  const description = tables[error.name]?.[code];
  if (description !== undefined) {
    const [exit, text, advice] = description;
    return new CliError(exit, text ?? sentence(error.message), advice ?? null, { cause: error });
  }
  if (code === 'EACCES' || code === 'EPERM') {
    return new CliError('failed', 'A file or folder cannot be used: permission denied.', sentence(error.message), {
      cause: error,
    });
  }
  if (code === 'ENOSPC') return describeError(Object.assign(new Error(), { name: 'VaultError', code: 'full' }));
  return new CliError('failed', `Something unexpected went wrong: ${sentence(error.message)}`, null, { cause: error });
}

function sentence(text: string): string {
  const first = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?]$/.test(first) ? first : `${first}.`;
}
