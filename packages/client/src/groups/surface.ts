import type { Rooms } from '../rooms.ts';
import { joinByLink } from './join-by-link.ts';
import type { Groups } from './types.ts';

/** Runs work over the open rooms; what fails comes out as a `MessengerError`. */
type Do = <T>(work: (rooms: Rooms) => T | Promise<T>) => Promise<T>;

/** `messenger.groups` over the rooms: passes on. */
export function groupsSurface(run: Do): Groups {
  return {
    create: (options) => run(({ groups }) => groups.create(options)),
    list: () => run(({ groups }) => groups.list()),
    get: (group) => run(({ groups }) => groups.get(group)),
    members: (group, options) => run(({ groups }) => groups.members(group, options)),
    invitations: () => run(({ groups }) => groups.invitations()),
    accept: (group) => run(({ groups }) => groups.accept(group)),
    decline: (group) => run(({ groups }) => groups.decline(group)),
    invite: (group, accounts) => run(({ groups }) => groups.invite(group, accounts)),
    remove: (group, accounts) => run(({ groups }) => groups.remove(group, accounts)),
    leave: (group) => run(({ groups }) => groups.leave(group)),
    edit: (group, edit) => run(({ groups }) => groups.edit(group, edit)),
    setRole: (group, account, role) => run(({ groups }) => groups.setRole(group, account, role)),
    setPermissions: (group, permissions) => run(({ groups }) => groups.setPermissions(group, permissions)),
    setTimer: (group, seconds) => run(({ groups }) => groups.setTimer(group, seconds)),
    link: (group, options) => run(({ groups }) => groups.link(group, options)),
    endLink: (group) => run(({ groups }) => groups.endLink(group)),
    joinByLink: (link, options = {}) => run(({ core, contacts }) => joinByLink(core, contacts, link, options)),
    joinRequests: (group) => run(({ groups }) => groups.joinRequests(group)),
    approve: (group, account) => run(({ groups }) => groups.approve(group, account)),
    refuse: (group, account) => run(({ groups }) => groups.refuse(group, account)),
    rotate: (group) => run(({ groups }) => groups.rotate(group)),
    resync: (group) => run(({ groups }) => groups.resync(group)),
    pending: (group) => run(({ groups }) => groups.pending(group)),
  };
}
