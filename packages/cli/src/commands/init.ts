import { createInterface } from 'node:readline/promises';
import type { CliContext } from '../context.ts';
import { CliError } from '../error.ts';
import { newKeystore, protectionOf, existingKeystore } from '../profile/open.ts';
import type { Protection } from '../profile/open.ts';
import { findRunningGateway } from '../profile/running-gateway.ts';

export interface InitOptions {
  readonly name?: string;
  readonly gateway?: string;
  readonly accountName?: string;
  readonly registrationCodeFile?: string;
  readonly deviceName?: string;
  readonly keystore?: string;
}

/** `sotto init`: makes an account in the profile and registers it at a gateway. */
export async function init(context: CliContext, options: InitOptions): Promise<void> {
  const protection = readProtection(options.keystore);
  const folder = context.home.profile(context.profile);
  const gateway = await chooseGateway(context, options.gateway);
  const name = options.name ?? (await askName(context));
  // After a failed registration the vault keeps the keys: the same command goes on with them, under the same protection.
  const present = await protectionOf(folder);
  const keystore = present === null ? await newKeystore(context, protection) : await existingKeystore(context);
  const registrationCode = await readCode(options.registrationCodeFile);
  const { Messenger } = await import('@sotto/client');
  const messenger = await Messenger.create({
    vault: { folder, keystore },
    gateway,
    name,
    ...(options.accountName === undefined ? {} : { accountName: options.accountName.toLowerCase() }),
    ...(options.deviceName === undefined ? {} : { deviceName: options.deviceName }),
    ...(registrationCode === null ? {} : { registrationCode }),
    signal: context.signal,
  }).finally(() => keystore.dispose?.());
  try {
    const self = await messenger.self();
    const link = await messenger.contactLink();
    const { account, device, accountName } = self;
    context.output.result(
      {
        profile: context.profile,
        folder,
        account,
        device,
        name: self.profile.name,
        accountName,
        gateway: self.gateway,
        keystore: present ?? protection,
        contactLink: link,
      },
      [
        `You are ${self.profile.name}${accountName === null ? '' : ` (account name ${accountName})`}.`,
        '',
        `  account  ${account}`,
        `  gateway  ${self.gateway}`,
        `  stored   ${folder} (${(present ?? protection) === 'passphrase' ? 'protected by your passphrase' : 'opened by the key file beside it'})`,
        '',
        'Give others your contact link, or show it as a QR code with "sotto contact link":',
        '',
        link,
        '',
        'Add somebody with "sotto contact add LINK-OR-NAME", then "sotto chat".',
      ],
    );
  } finally {
    await messenger.close();
  }
}

/** Throws `usage` for anything but the two ways there are. */
export function readProtection(text: string | undefined): Protection {
  if (text === undefined || text === 'passphrase') return 'passphrase';
  if (text === 'file') return 'file';
  throw new CliError(
    'usage',
    'A profile is protected by "passphrase" or by a key "file".',
    'For example: --keystore file',
  );
}

async function chooseGateway(context: CliContext, option: string | undefined): Promise<string> {
  const named = option ?? context.env['SOTTO_GATEWAY'];
  if (named !== undefined && named !== '') return named;
  const running = await findRunningGateway(context.home, context.clock);
  if (running !== null) return running.address;
  throw new CliError(
    'usage',
    'Which gateway? None is running on this machine for this home.',
    'Name one with --gateway sotto://… (whoever runs it can tell you), or start your own with "sotto serve".',
  );
}

async function askName(context: CliContext): Promise<string> {
  if (!context.stdin.isTTY) {
    throw new CliError('usage', 'What are you called?', 'Give the name that contacts will see: --name "Alice"');
  }
  const lines = createInterface({ input: context.stdin, output: context.stderr });
  try {
    return (await lines.question('Your name, as contacts will see it: ', { signal: context.signal })).trim();
  } finally {
    lines.close();
  }
}

async function readCode(file: string | undefined): Promise<string | null> {
  if (file === undefined) return null;
  const { passphraseFromFile } = await import('../profile/passphrase.ts');
  return passphraseFromFile(file);
}
