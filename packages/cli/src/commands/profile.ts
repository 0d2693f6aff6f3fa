import type { Device } from '@sotto/client';
import type { CliContext } from '../context.ts';
import { CliError } from '../error.ts';
import { flush } from '../flush.ts';
import { cleanName } from '../output/clean.ts';
import { day } from '../output/time.ts';
import { columns } from '../output/width.ts';
import { isoTime } from '../people/shapes.ts';
import { existingKeystore, newKeystore, profileNames, protectionOf, withMessenger } from '../profile/open.ts';

/** `sotto profile show`. */
export async function showProfile(context: CliContext): Promise<void> {
  const folder = context.home.profile(context.profile);
  const keystore = await protectionOf(folder);
  await withMessenger(context, async (messenger) => {
    const { account, device, deviceName, gateway, accountName, profile } = await messenger.self();
    context.output.result(
      {
        profile: context.profile,
        folder,
        account,
        device,
        deviceName,
        name: profile.name,
        avatarHash: profile.avatarHash,
        accountName,
        gateway,
        keystore,
      },
      columns([
        ['name', profile.name],
        ['account name', accountName ?? '(none; choose one with "sotto profile account-name NAME")'],
        ['account', account],
        ['device', `${cleanName(deviceName)} (${device})`],
        ['gateway', gateway],
        ['stored in', folder],
        [
          'protected by',
          keystore === 'passphrase' ? 'a passphrase' : 'a key file (set a passphrase with "sotto profile passphrase")',
        ],
      ]),
    );
  });
}

/** `sotto profile list`: profiles of this home. Opens none. */
export async function listProfiles(context: CliContext): Promise<void> {
  for (const name of profileNames(context)) {
    const keystore = await protectionOf(context.home.profile(name));
    if (keystore === null) continue;
    context.output.result({ profile: name, keystore, current: name === context.profile }, name);
  }
}

/** `sotto profile set --name NAME`. */
export async function setProfile(context: CliContext, options: { readonly name: string }): Promise<void> {
  await withMessenger(context, async (messenger) => {
    await messenger.setProfile({ name: options.name });
    await flush(messenger, context);
    context.output.result({ name: options.name }, `Contacts see you as ${options.name} from now on.`);
  });
}

/** `sotto profile account-name NAME`. */
export async function claimAccountName(context: CliContext, name: string): Promise<void> {
  await withMessenger(context, async (messenger) => {
    const accountName = name.toLowerCase();
    await messenger.claimName(accountName);
    context.output.result({ accountName }, `Others can find you as ${accountName} at this gateway.`);
  });
}

/** `sotto profile passphrase [--remove] [--new-passphrase-file FILE]`: protects the vault key in another way. */
export async function changePassphrase(
  context: CliContext,
  options: { readonly remove?: boolean; readonly newPassphraseFile?: string },
): Promise<void> {
  const path = context.home.profile(context.profile);
  const before = await protectionOf(path);
  const old = await existingKeystore(context);
  const [{ openVault }, { nativeProvider }] = await Promise.all([import('@sotto/vault'), import('@sotto/crypto')]);
  const vault = await openVault({ path, keystore: old, provider: nativeProvider(), clock: context.clock }).finally(() =>
    old.dispose?.(),
  );
  try {
    const protection = options.remove === true ? 'file' : 'passphrase';
    if (before === 'file' && protection === 'file') {
      throw new CliError('usage', 'This profile has no passphrase.', 'Set one with "sotto profile passphrase".');
    }
    // The old passphrase came from --passphrase-file; the new one has a file of its own, or is asked for.
    const { SOTTO_PASSPHRASE_FILE: _old, ...env } = context.env;
    const asked = before === 'passphrase' ? { ...context, env, passphraseFile: options.newPassphraseFile } : context;
    const next = await newKeystore(asked, protection);
    await vault.rewrap(next).finally(() => next.dispose?.());
    context.output.result(
      { profile: context.profile, keystore: protection },
      protection === 'passphrase'
        ? 'The passphrase is set. Without it nobody can open this profile, you included: keep it safe.'
        : 'The passphrase is gone. Whoever can read the profile folder can open the profile.',
    );
  } finally {
    vault.close();
  }
}

/** `sotto profile devices`. */
export async function listDevices(context: CliContext): Promise<void> {
  await withMessenger(context, async (messenger) => printDevices(context, await messenger.devices()));
}

/** Devices, one object a line. */
export function printDevices(context: CliContext, devices: readonly Device[]): void {
  for (const { device, name, state, addedAt, self } of devices) {
    const note = state === 'revoked' ? 'revoked' : self ? 'this device' : 'active';
    context.output.result(
      { device, name, state, addedAt: isoTime(addedAt), self },
      `${device}  ${day(addedAt)}  ${note.padEnd(11)}  ${cleanName(name)}`,
    );
  }
}

const reasons = ['removed', 'lost', 'compromised'] as const;

/** `sotto profile revoke-device DEVICE --reason REASON`. */
export async function revokeDevice(
  context: CliContext,
  id: string,
  options: { readonly reason: string },
): Promise<void> {
  const reason = reasons.find((known) => known === options.reason);
  if (reason === undefined) throw new CliError('usage', `The reason is one of: ${reasons.join(', ')}.`);
  await withMessenger(context, async (messenger) => {
    const fitting = (await messenger.devices()).filter(({ device }) => device.startsWith(id));
    const [found] = fitting;
    if (found === undefined || fitting.length > 1) {
      throw new CliError('not_found', 'No (single) device of yours has this id.', 'See "sotto profile devices".');
    }
    await messenger.revokeDevice(found.device, reason);
    await flush(messenger, context);
    context.output.result(
      { device: found.device, state: 'revoked', reason },
      'Revoked. Nothing is encrypted to it any more, and contacts learn it with the next message.',
    );
  });
}
