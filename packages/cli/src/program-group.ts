import type { Command } from 'commander';
import type { Work } from './program.ts';

const load = () => import('./commands/group.ts');

/** `sotto group …`. */
export function addGroup(program: Command, choose: (work: Work) => void): void {
  const group = program.command('group').description('talk with several people at once');
  group
    .command('create')
    .description('make a group and invite contacts to it')
    .argument('<name>', 'what it is called')
    .argument('[who...]', 'contacts to invite')
    .option('--description <text>', 'what it is about')
    .option('--timer <span>', 'messages disappear after this time: 30s, 5m, 8h, 7d, 4w or off')
    .action((name, who, options) => choose(async (context) => (await load()).createGroup(context, name, who, options)));
  group
    .command('list', { isDefault: true })
    .description('the groups known here')
    .action(() => choose(async (context) => (await load()).listGroups(context)));
  group
    .command('show')
    .description('what a group is, and who is in it')
    .argument('<group>')
    .action((which) => choose(async (context) => (await load()).showGroup(context, which)));
  group
    .command('invitations')
    .description('groups that would like you to join')
    .action(() => choose(async (context) => (await load()).listInvitations(context)));
  for (const answer of ['accept', 'decline'] as const) {
    group
      .command(answer)
      .description(answer === 'accept' ? 'join a group that invited you' : 'say no to an invitation')
      .argument('<group>')
      .action((which) =>
        choose(async (context) => (await load()).answerInvitation(context, which, answer === 'accept')),
      );
  }
  group
    .command('invite')
    .description('bring contacts in')
    .argument('<group>')
    .argument('<who...>', 'contacts')
    .action((which, who) => choose(async (context) => (await load()).inviteToGroup(context, which, who)));
  group
    .command('remove')
    .description('take members out; they can read nothing that is written afterwards')
    .argument('<group>')
    .argument('<who...>', 'members')
    .action((which, who) => choose(async (context) => (await load()).removeFromGroup(context, which, who)));
  group
    .command('leave')
    .description('leave a group; its history stays here')
    .argument('<group>')
    .action((which) => choose(async (context) => (await load()).leaveGroup(context, which)));
  group
    .command('edit')
    .description('change name, description or the disappearing timer')
    .argument('<group>')
    .option('--name <name>')
    .option('--description <text>', '"" takes it away')
    .option('--timer <span>', 'messages disappear after this time: 30s, 5m, 8h, 7d, 4w or off')
    .action((which, options) => choose(async (context) => (await load()).editGroup(context, which, options)));
  group
    .command('role')
    .description('make a member an admin or owner, or a plain member again')
    .argument('<group>')
    .argument('<who>')
    .argument('<role>', 'member, admin or owner')
    .action((which, who, role) => choose(async (context) => (await load()).setGroupRole(context, which, who, role)));
  group
    .command('permissions')
    .description('who may do what: "members" or "admins"')
    .argument('<group>')
    .option('--add <who>', 'bring others in')
    .option('--edit <who>', 'change name, description, picture and timer')
    .option('--send <who>', 'write')
    .option('--pin <who>', 'pin messages')
    .action((which, options) => choose(async (context) => (await load()).setGroupPermissions(context, which, options)));
  group
    .command('link')
    .alias('qr')
    .description('a link and QR code by which others can ask to come in')
    .argument('<group>')
    .option('--open', 'whoever has it comes in without being asked about')
    .option('--renew', 'a new link; the old one ends')
    .option('--end', 'no link any more')
    .option('--no-qr', 'the link alone')
    .action((which, options) => choose(async (context) => (await load()).groupLink(context, which, options)));
  group
    .command('join')
    .description('ask to be let into a group')
    .argument('<link>')
    .action((link) => choose(async (context) => (await load()).joinGroup(context, link)));
  group
    .command('requests')
    .description('who asks to come in')
    .argument('[group]')
    .action((which) => choose(async (context) => (await load()).listJoinRequests(context, which)));
  for (const answer of ['approve', 'refuse'] as const) {
    group
      .command(answer)
      .description(answer === 'approve' ? 'let somebody in who asks' : 'do not')
      .argument('<group>')
      .argument('<who>')
      .action((which, who) =>
        choose(async (context) => (await load()).answerJoinRequest(context, which, who, answer === 'approve')),
      );
  }
  group
    .command('pending')
    .description('changes asked for here that are not in force yet')
    .argument('<group>')
    .action((which) => choose(async (context) => (await load()).listPending(context, which)));
  group
    .command('rotate')
    .description('new keys for this device now; happens by itself every week')
    .argument('<group>')
    .action((which) => choose(async (context) => (await load()).rotateGroup(context, which)));
  group
    .command('resync')
    .description('ask to be brought back in when this device cannot follow; happens by itself')
    .argument('<group>')
    .action((which) => choose(async (context) => (await load()).resyncGroup(context, which)));
}
