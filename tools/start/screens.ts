export interface Facts {
  readonly profile: string;
  readonly isNew: boolean;
  readonly home: string;
  /** True: HOME is not where the program looks by itself. */
  readonly homeNamed: boolean;
  readonly address: string;
  readonly gatewayFolder: string;
  readonly ownGateway: boolean;
  readonly profileFolder: string;
  readonly hasPassphrase: boolean;
  /** Other profiles of this home. */
  readonly others: readonly string[];
  /** Account names of contacts. */
  readonly contacts: readonly string[];
}

/** The command that sets a passphrase, as it has to be typed. */
function passphraseCommand(facts: Facts): string {
  const data = facts.homeNamed ? ` --data ${facts.home}` : '';
  return `npm run sotto --${data} --profile ${facts.profile} profile passphrase`;
}

/** The second person: any name but the first one's. */
function secondPerson(facts: Facts): string {
  return facts.profile === 'bob' ? 'carol' : 'bob';
}

/** What a person reads above the chat. */
export function welcome(facts: Facts): string[] {
  const { profile, isNew, others } = facts;
  const second = secondPerson(facts);
  const host = facts.address.replace(/^sotto:\/\//, '').replace(/\/.*$/, '');
  const data = facts.homeNamed ? ` --data ${facts.home}` : '';
  const lines = [
    '',
    isNew ? `Welcome to Sotto. You are ${profile}.` : `Welcome back, ${profile}.`,
    '',
    `  your gateway   ${host}, ${facts.ownGateway ? 'runs while this window is open' : 'was running already'}`,
    '                 it passes sealed messages on and can read none of them',
    `                 its data: ${facts.gatewayFolder}`,
    `  your account   ${facts.profileFolder}`,
    ...(facts.hasPassphrase
      ? ['                 protected by your passphrase']
      : [
          '                 opens without a passphrase; to set one, leave and run',
          `                 ${passphraseCommand(facts)}`,
        ]),
    '',
  ];
  if (others.length === 0) {
    lines.push(
      'A second person joins from another terminal on this machine:',
      '',
      `  npm start --${data} --profile ${second}`,
      '',
      `and writes to you with  /add ${profile}  (or you to them with  /add ${second}).`,
    );
  } else {
    const [first] = others;
    const command = first !== undefined && facts.contacts.includes(first) ? '/switch' : '/add';
    lines.push(`Also here: ${others.join(', ')}. To write to them:  ${command} ${first}`);
  }
  lines.push(
    '',
    'Here you talk to echo, a small program with an account of its own: it answers.',
    '/help shows what else there is, Ctrl-C leaves.',
    '',
  );
  return lines;
}
