import { Command, CommanderError } from 'commander';
import { createContext } from './context.ts';
import type { CliContext, CliEnvironment, GlobalOptions } from './context.ts';
import { describeError } from './describe-error.ts';
import { CliError } from './error.ts';
import { exitCodes, exitCodeTable } from './exit-codes.ts';
import { createOutput } from './output/output.ts';
import type { Output } from './output/output.ts';
import { addConversations } from './program-conversation.ts';
import { addGroup } from './program-group.ts';
import { VERSION } from './version.ts';

/** A command's work; what it imports is loaded only when it runs. A number is the exit code. */
export type Work = (context: CliContext) => Promise<number | void>;

/**
 * Runs `sotto` with the arguments after the program's name. Resolves with the exit code; everything it has to say is
 * written by then.
 */
export async function runSotto(args: readonly string[], environment: CliEnvironment): Promise<number> {
  let work: Work | null = null;
  const program = buildProgram(environment, (chosen) => {
    work = chosen;
  });
  // Known before the arguments are parsed: their errors are told in the same form.
  let output = createOutput(environment, environment.env, args.includes('--json'));
  const stop = new AbortController();
  const onSignal = (): void => stop.abort();
  try {
    await program.parseAsync([...args], { from: 'user' });
    const run = work as Work | null;
    if (run === null) return exitCodes.ok.exit;
    const context = createContext(environment, program.opts<GlobalOptions>(), stop.signal);
    output = context.output;
    process.on('SIGINT', onSignal);
    process.on('SIGTERM', onSignal);
    return (await run(context)) ?? exitCodes.ok.exit;
  } catch (error) {
    if (error instanceof CommanderError) return usageError(error, output);
    return output.error(stop.signal.aborted ? new CliError('interrupted', 'Stopped.') : describeError(error));
  } finally {
    process.off('SIGINT', onSignal);
    process.off('SIGTERM', onSignal);
  }
}

function usageError(error: CommanderError, output: Output): number {
  if (error.exitCode === 0) return exitCodes.ok.exit;
  // A group without its command has printed its help already.
  if (error.code === 'commander.help') return exitCodes.usage.exit;
  const excess = /but got \d+: (.*?)\.?$/.exec(error.message)?.[1];
  const message =
    excess === undefined
      ? (error.message.replace(/^error: /, '').split('\n')[0] ?? '').replace(/\.$/, '')
      : `not understood: ${excess}`;
  return output.error(
    new CliError('usage', `${message.charAt(0).toUpperCase()}${message.slice(1)}.`, 'See "sotto --help".'),
  );
}

function buildProgram(environment: CliEnvironment, choose: (work: Work) => void): Command {
  const program = new Command('sotto');
  program
    .description('Private messaging: end-to-end encrypted conversations through your own gateway.')
    .version(VERSION, '-V, --version', 'print the version')
    .option('--json', 'one JSON object a line instead of sentences (docs/cli.md)')
    .option('--profile <name>', 'which account of this machine (default: "default", or SOTTO_PROFILE)')
    .option('--data <folder>', "where everything is kept (default: SOTTO_HOME, or this system's data folder)")
    .option('--passphrase-file <file>', 'read the passphrase from the first line of a file (or SOTTO_PASSPHRASE_FILE)')
    .configureHelp({ showGlobalOptions: true })
    .exitOverride()
    .configureOutput({
      writeOut: (text) => void environment.stdout.write(text),
      writeErr: (text) => void environment.stderr.write(text),
      // Errors are told by the one output of this run.
      outputError: () => undefined,
    })
    .addHelpText('after', '\nStart with "sotto init". "sotto help exit-codes" lists what a script can rely on.');

  program
    .command('init')
    .description('make an account here and register it at a gateway')
    .option('--name <name>', 'your name, as contacts will see it')
    .option('--gateway <address>', 'sotto://host:port/key (default: SOTTO_GATEWAY, or the one running here)')
    .option('--account-name <name>', 'a name at the gateway by which others can find you')
    .option('--registration-code-file <file>', 'where the gateway asks for a code: a file whose first line it is')
    .option('--device-name <name>', 'what this device is called in your device list')
    .option('--keystore <kind>', '"passphrase" (default), or "file" for agents and trials: a key file beside the vault')
    .action((options) => choose(async (context) => (await import('./commands/init.ts')).init(context, options)));

  addProfile(program, choose);
  addContact(program, choose);
  addRequests(program, choose);
  addGroup(program, choose);
  addConversations(program, choose);

  program
    .command('send')
    .description('send a message; without text it is read from standard input')
    .argument('<who>', 'a contact or a group')
    .argument('[text...]', 'the message')
    .option('--lines', 'every line of standard input is a message of its own')
    .option('--reply-to <message>', 'answer a message')
    .option(...WAIT)
    .option(...TIMEOUT)
    .action((who, text, options) => choose(async (context) => (await loadSend()).send(context, who, text, options)));
  program
    .command('react')
    .description('react to a message')
    .argument('<message>', 'its id, or the beginning of it (see "sotto history WHO --ids")')
    .argument('<emoji>', '"" takes the reaction back')
    .option(...WAIT)
    .option(...TIMEOUT)
    .action((id, emoji, options) => choose(async (context) => (await loadSend()).react(context, id, emoji, options)));
  program
    .command('edit')
    .description('give an own message a new text; without one it is read from standard input')
    .argument('<message>', 'its id, or the beginning of it')
    .argument('[text...]', 'the new text')
    .option(...WAIT)
    .option(...TIMEOUT)
    .action((id, text, options) => choose(async (context) => (await loadSend()).edit(context, id, text, options)));
  program
    .command('delete')
    .description('take an own message back')
    .argument('<message>', 'its id, or the beginning of it')
    .option('--for-me', 'any message, on your own devices only')
    .option(...WAIT)
    .option(...TIMEOUT)
    .action((id, options) =>
      choose(async (context) =>
        options.forMe === true
          ? (await import('./commands/conversation.ts')).deleteForMe(context, id)
          : (await loadSend()).takeBack(context, id, options),
      ),
    );
  program
    .command('attach')
    .description('send files, sealed like everything else')
    .argument('<who>', 'a contact or a group')
    .argument('<file...>')
    .option('--text <text>', 'a text with them')
    .option('--voice', 'they are voice notes')
    .option('--keep-metadata', 'leave in what a picture says of place, time and camera')
    .option(...WAIT)
    .option('--timeout <seconds>', 'how long to wait for that', '3600')
    .action((who, files, options) =>
      choose(async (context) => (await import('./commands/attach.ts')).attach(context, who, files, options)),
    );
  program
    .command('save')
    .description('save the attachments of a message as files')
    .argument('<message>', 'its id, or the beginning of it (see "sotto history WHO --ids")')
    .option('--to <folder>', 'where to', '.')
    .option('--only <number>', 'one of them, from 1')
    .option('--overwrite', 'replace files of the same name')
    .action((id, options) =>
      choose(async (context) => (await import('./commands/attach.ts')).save(context, id, options)),
    );
  program
    .command('inbox')
    .description('fetch what arrived, show it and mark it as read')
    .option('-f, --follow', 'stay and show what arrives, until Ctrl-C')
    .option('--keep-unread', 'do not mark it as read, and send no read receipts')
    .action((options) => choose(async (context) => (await import('./commands/read.ts')).inbox(context, options)));
  program
    .command('chat')
    .description('talk in the terminal; without a terminal: lines in, messages out')
    .argument('[who]', 'a contact or a group (default: the last conversation)')
    .action((who) => choose(async (context) => (await import('./commands/chat.ts')).chat(context, who)));
  program
    .command('history')
    .description('messages of a conversation, oldest first')
    .argument('<who>', 'a contact or a group')
    .option('-n, --limit <number>', 'how many of the newest', '50')
    .option('--ids', 'show the beginning of each message id')
    .action((who, options) =>
      choose(async (context) => (await import('./commands/read.ts')).history(context, who, options)),
    );
  program
    .command('search')
    .description('messages that contain all these words (or words that begin so), newest first')
    .argument('<words...>')
    .option('--with <who>', 'only in the conversation with this contact, or in this group')
    .option('-n, --limit <number>', 'at most so many', '20')
    .option('--ids', 'show the beginning of each message id')
    .action((words, options) =>
      choose(async (context) => (await import('./commands/read.ts')).search(context, words, options)),
    );
  program
    .command('explain')
    .description('what happened to a message, step by step')
    .argument('[message]', 'its id, or the beginning of it')
    .option('--last [who]', 'your last message (to a contact or a group)')
    .action((id, options) =>
      choose(async (context) => (await import('./commands/read.ts')).explain(context, id, options)),
    );
  program
    .command('safety-number')
    .description('the number to compare with a contact, to know that nobody stands between you')
    .argument('<who>', 'a contact')
    .option('--qr', 'as a QR code too')
    .action((who, options) =>
      choose(async (context) => (await import('./commands/safety-number.ts')).safetyNumber(context, who, options)),
    );
  program
    .command('serve')
    .description('run a gateway (settings: these options, or SOTTO_GATEWAY_… in the environment)')
    .option('--folder <folder>', 'its data (default: "gateway" in the data folder)')
    .option('--listen <host:port>', 'default 0.0.0.0:7443')
    .option('--address <host:port>', 'where clients reach it, when that differs')
    .option('--registration <who>', 'open, code or closed')
    .option('--log <level>', 'silent, error, warn, info or debug')
    .action((options) => choose(async (context) => (await import('./commands/serve.ts')).serve(context, options)));
  program
    .command('doctor')
    .description('look at runtime, vault, gateway, clock, keys and outbox, and say what to do')
    .option('--bundle <file>', 'write what support needs to a file: nothing that people wrote, no names, no ids')
    .action(({ bundle }: { readonly bundle?: string }) =>
      choose(async (context) => {
        const { doctor, writeBundle } = await import('./commands/doctor.ts');
        return bundle === undefined ? doctor(context) : writeBundle(context, bundle);
      }),
    );
  program
    .command('token')
    .description('a token, valid for minutes, to call the gateway as this device with curl')
    .action(() => choose(async (context) => (await import('./commands/token.ts')).token(context)));
  program
    .command('exit-codes', { hidden: true })
    .description('what exit codes mean')
    .action(() => void environment.stdout.write(exitCodeTable()));
  program
    .command('help', { isDefault: true })
    .description('help for a command; "help exit-codes" for exit codes')
    .argument('[command...]')
    .action((path: readonly string[]) => showHelp(program, path, environment));
  return program;
}

const WAIT = ['--wait <state>', 'stored, accepted (at their gateway), delivered or read', 'accepted'] as const;
const TIMEOUT = ['--timeout <seconds>', 'how long to wait for that', '10'] as const;

const loadSend = () => import('./commands/send.ts');
const loadProfile = () => import('./commands/profile.ts');
const loadContact = () => import('./commands/contact.ts');

function addProfile(program: Command, choose: (work: Work) => void): void {
  const profile = program.command('profile').description('your own account');
  profile
    .command('show', { isDefault: true })
    .description('who you are here')
    .action(() => choose(async (context) => (await loadProfile()).showProfile(context)));
  profile
    .command('list')
    .description('the profiles of this machine')
    .action(() => choose(async (context) => (await loadProfile()).listProfiles(context)));
  profile
    .command('set')
    .description('change the name that contacts see')
    .requiredOption('--name <name>', 'the new name')
    .action((options) => choose(async (context) => (await loadProfile()).setProfile(context, options)));
  profile
    .command('account-name')
    .description('take a name at your gateway, by which others can find you')
    .argument('<name>')
    .action((name) => choose(async (context) => (await loadProfile()).claimAccountName(context, name)));
  profile
    .command('passphrase')
    .description('set or change the passphrase of this profile')
    .option('--new-passphrase-file <file>', 'read the new one from a file')
    .option('--remove', 'no passphrase: a key file beside the vault')
    .action((options) => choose(async (context) => (await loadProfile()).changePassphrase(context, options)));
  profile
    .command('devices')
    .description('devices of your account')
    .action(() => choose(async (context) => (await loadProfile()).listDevices(context)));
  profile
    .command('revoke-device')
    .description('take a device out of your account')
    .argument('<device>', 'its id, or the beginning of it')
    .option('--reason <reason>', 'removed, lost or compromised', 'removed')
    .action((id, options) => choose(async (context) => (await loadProfile()).revokeDevice(context, id, options)));
}

function addContact(program: Command, choose: (work: Work) => void): void {
  const contact = program.command('contact').description('the people you write with');
  contact
    .command('add')
    .description('ask someone to become a contact')
    .argument('<link-or-name>', 'their contact link, or their account name at your gateway')
    .option('--greeting <text>', 'a first line they see with the request')
    .option('--nickname <name>', 'what to call them here')
    .action((who, options) => choose(async (context) => (await loadContact()).addContact(context, who, options)));
  contact
    .command('link')
    .alias('qr')
    .description('your own contact link and its QR code, to give to others')
    .option('--no-qr', 'the link alone')
    .action((options) => choose(async (context) => (await loadContact()).showLink(context, options)));
  contact
    .command('list', { isDefault: true })
    .description('everyone known here')
    .action(() => choose(async (context) => (await loadContact()).listContacts(context)));
  contact
    .command('rename')
    .description('call a contact something else here; without a name take that back')
    .argument('<who>')
    .argument('[nickname]')
    .action((who, nickname) => choose(async (context) => (await loadContact()).renameContact(context, who, nickname)));
  contact
    .command('block')
    .description('refuse everything from a contact')
    .argument('<who>')
    .action((who) => choose(async (context) => (await loadContact()).blockContact(context, who)));
  contact
    .command('unblock')
    .description('take a block back')
    .argument('<who>')
    .action((who) => choose(async (context) => (await loadContact()).unblockContact(context, who)));
  contact
    .command('verify')
    .description('note that you compared safety numbers and found them equal')
    .argument('<who>')
    .option('--undo', 'take it back')
    .action((who, options) => choose(async (context) => (await loadContact()).verifyContact(context, who, options)));
  contact
    .command('devices')
    .description('devices of a contact')
    .argument('<who>')
    .action((who) => choose(async (context) => (await loadContact()).contactDevices(context, who)));
}

function addRequests(program: Command, choose: (work: Work) => void): void {
  const requests = program.command('requests').description('people who would like to write to you');
  requests
    .command('list', { isDefault: true })
    .description('who is waiting for an answer')
    .action(() => choose(async (context) => (await loadContact()).listRequests(context)));
  for (const answer of ['accept', 'decline'] as const) {
    requests
      .command(answer)
      .description(answer === 'accept' ? 'become contacts' : 'say no')
      .argument('<who>')
      .action((who) =>
        choose(async (context) => (await loadContact()).answerRequest(context, who, answer === 'accept')),
      );
  }
}

function showHelp(program: Command, path: readonly string[], environment: CliEnvironment): void {
  if (path[0] === 'exit-codes') {
    environment.stdout.write(exitCodeTable());
    return;
  }
  let command: Command = program;
  for (const name of path) {
    const next = command.commands.find((candidate) => candidate.name() === name || candidate.aliases().includes(name));
    if (next === undefined)
      throw new CliError('usage', `There is no command "${path.join(' ')}".`, 'See "sotto --help".');
    command = next;
  }
  command.outputHelp();
}
