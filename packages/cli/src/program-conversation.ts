import type { Command } from 'commander';
import type { Work } from './program.ts';

const load = () => import('./commands/conversation.ts');

const WHO = ['<who>', 'a contact or a group'] as const;
const MESSAGE = ['<message>', 'its id, or the beginning of it (see "sotto history WHO --ids")'] as const;

/** How conversations are kept, and what is done with messages besides sending them. */
export function addConversations(program: Command, choose: (work: Work) => void): void {
  program
    .command('conversations')
    .description('your conversations, newest activity first')
    .option('--archived', 'those in the archive')
    .action((options) => choose(async (context) => (await load()).listConversations(context, options)));
  program
    .command('forward')
    .description('send the text of a message on')
    .argument(...MESSAGE)
    .argument(...WHO)
    .action((id, who) => choose(async (context) => (await load()).forward(context, id, who)));
  program
    .command('pin')
    .description('pin a message for everyone in the conversation')
    .argument(...MESSAGE)
    .option('--undo', 'take the pin out')
    .action((id, options) => choose(async (context) => (await load()).pin(context, id, options)));
  program
    .command('pins')
    .description('pinned messages of a conversation')
    .argument(...WHO)
    .option('--ids', 'show the beginning of each message id')
    .action((who, options) => choose(async (context) => (await load()).listPins(context, who, options)));
  program
    .command('receipts')
    .description('how far an own message has come with each member')
    .argument(...MESSAGE)
    .action((id) => choose(async (context) => (await load()).receipts(context, id)));
  program
    .command('timer')
    .description('let new messages of a conversation disappear')
    .argument(...WHO)
    .argument('<span>', '30s, 5m, 8h, 7d, 4w or off')
    .action((who, span) => choose(async (context) => (await load()).setTimer(context, who, span)));
  program
    .command('mute')
    .description('no noise about a conversation, for a time or until "off"')
    .argument(...WHO)
    .argument('[span]', '30m, 8h, 7d … or off')
    .action((who, span) => choose(async (context) => (await load()).mute(context, who, span)));
  program
    .command('archive')
    .description('put a conversation out of the way')
    .argument(...WHO)
    .option('--undo', 'back into the list')
    .action((who, options) => choose(async (context) => (await load()).archive(context, who, options)));
  program
    .command('unread')
    .description('mark a conversation as unread')
    .argument(...WHO)
    .action((who) => choose(async (context) => (await load()).markUnread(context, who)));
  program
    .command('draft')
    .description('keep a text that is not sent yet; without text show it')
    .argument(...WHO)
    .argument('[text...]')
    .option('--discard', 'throw it away')
    .action((who, text, options) => choose(async (context) => (await load()).keepDraft(context, who, text, options)));
}
