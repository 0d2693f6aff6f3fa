import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Messenger } from '@sotto/client';
import type { Keystore } from '@sotto/vault';
import type { CliContext } from '../context.ts';
import { CliError } from '../error.ts';
import { choosePassphrase, readPassphrase } from './passphrase.ts';

/** How a profile's vault key is guarded. */
export type Protection = 'passphrase' | 'file';

/** The key file of a profile without a passphrase, beside its vault. */
export function keyFileOf(folder: string): string {
  return join(folder, 'unlock.key');
}

/** How the profile in `folder` is guarded; null: there is no profile. */
export async function protectionOf(folder: string): Promise<Protection | null> {
  const [{ inspectVault }, { nativeProvider }] = await Promise.all([import('@sotto/vault'), import('@sotto/crypto')]);
  if (!existsSync(folder)) return null;
  const info = inspectVault({ path: folder, provider: nativeProvider() });
  if (info === null) return null;
  if (info.keystore === 'passphrase' || info.keystore === 'file') return info.keystore;
  throw new CliError('locked', `This profile is guarded by something this version does not know: ${info.keystore}.`);
}

/** What opens the profile's vault; asks for the passphrase where there is one. Throws `no_profile`. */
export async function existingKeystore(context: CliContext): Promise<Keystore> {
  const folder = context.home.profile(context.profile);
  const protection = await protectionOf(folder);
  if (protection === null) throw noProfile(context);
  if (protection === 'file') return await newKeystore(context, 'file');
  const [{ passphraseKeystore }, { nativeProvider }] = await Promise.all([
    import('@sotto/vault'),
    import('@sotto/crypto'),
  ]);
  const passphrase = await readPassphrase(context, `Passphrase of the profile "${context.profile}": `);
  if (passphrase === '') throw new CliError('locked', 'No passphrase was typed.', 'Try again.');
  return passphraseKeystore({ provider: nativeProvider(), passphrase });
}

/** A keystore to protect the profile with from now on; a passphrase is chosen at the terminal or read from its file. */
export async function newKeystore(context: CliContext, protection: Protection): Promise<Keystore> {
  const [{ fileKeystore, passphraseKeystore }, { nativeProvider }] = await Promise.all([
    import('@sotto/vault'),
    import('@sotto/crypto'),
  ]);
  const provider = nativeProvider();
  if (protection === 'passphrase') return passphraseKeystore({ provider, passphrase: await choosePassphrase(context) });
  return fileKeystore({ provider, path: keyFileOf(context.home.profile(context.profile)) });
}

/** Opens the account of the profile. Throws `no_profile` and what `Messenger.open` throws. */
export async function openProfile(context: CliContext): Promise<Messenger> {
  const keystore = await existingKeystore(context);
  try {
    const { Messenger } = await import('@sotto/client');
    return await Messenger.open({
      vault: { folder: context.home.profile(context.profile), keystore },
      signal: context.signal,
    });
  } finally {
    keystore.dispose?.();
  }
}

/** Runs `task` with the profile's account, which is closed afterwards in any case. */
export async function withMessenger<T>(context: CliContext, task: (messenger: Messenger) => Promise<T>): Promise<T> {
  const messenger = await openProfile(context);
  try {
    return await task(messenger);
  } finally {
    await messenger.close();
  }
}

/** Names of the profiles in this home, sorted. */
export function profileNames(context: CliContext): string[] {
  try {
    return readdirSync(context.home.profiles, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map((entry) => entry.name)
      .toSorted();
  } catch {
    return [];
  }
}

function noProfile(context: CliContext): CliError {
  const others = profileNames(context).filter((name) => name !== context.profile);
  return new CliError(
    'no_profile',
    `There is no account in the profile "${context.profile}" yet.`,
    `Create one with "sotto init"${others.length > 0 ? `, or use --profile with one of: ${others.join(', ')}` : ''}.`,
  );
}
