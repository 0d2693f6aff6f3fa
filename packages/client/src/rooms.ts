import type { GatewayTransport } from '@sotto/gateway-api';
import type { Vault } from '@sotto/vault';
import { accountId, deviceId } from '@sotto/wire';
import { Connection } from './account/connection.ts';
import { OwnAccount, readAccount } from './account/own-account.ts';
import { OwnDevices } from './account/own-devices.ts';
import { Standing } from './account/standing.ts';
import { Attachments } from './attachments/attachments.ts';
import { Chains } from './chains/chains.ts';
import { ChainKeeper } from './chains/keeper.ts';
import { Contacts } from './contacts/contacts.ts';
import { Grants } from './contacts/grants.ts';
import { Conversations } from './conversations/conversations.ts';
import { Disappearing } from './conversations/disappearing.ts';
import { HeldMessages } from './conversations/held.ts';
import { SettingsSync } from './conversations/settings-sync.ts';
import { Writing } from './conversations/writing.ts';
import { Background } from './core/background.ts';
import { Bells } from './core/bells.ts';
import { Clearance } from './core/clearance.ts';
import type { Core, SelfIds } from './core/core.ts';
import { EngineRoom } from './core/engine-room.ts';
import { MessengerError } from './error.ts';
import { Acquaintances } from './groups/acquaintances.ts';
import { BlobCarrier } from './groups/blob-carrier.ts';
import { Changes } from './groups/changes.ts';
import { KeyPackages } from './groups/fetch-key-packages.ts';
import { ChainFinder } from './groups/find-chains.ts';
import { Groups } from './groups/groups.ts';
import { KeyPackageKeeper } from './groups/key-packages.ts';
import { GroupRoom } from './groups/room.ts';
import { Emitter } from './events/emitter.ts';
import { ProblemLog } from './diagnostics/problems.ts';
import { Asker } from './healing/asker.ts';
import { Inbox } from './inbox/inbox.ts';
import { Receipts } from './inbox/receipts.ts';
import type { Effects } from './options.ts';
import { Outbox } from './outbox/outbox.ts';
import { Planner } from './outbox/planner.ts';
import { Sealer } from './outbox/sealer.ts';
import { SentMessages } from './outbox/sent.ts';
import { Typing } from './outbox/typing.ts';
import { PrekeyKeeper } from './prekeys/keeper.ts';
import { Sessions } from './sessions/sessions.ts';
import { defaultSettings } from './settings.ts';
import type { Settings } from './settings.ts';
import { Ledger } from './store/ledger.ts';
import { accountRef, deviceRef } from './store/refs.ts';
import { groupIntents, outbounds } from './store/tables.ts';
import { Upkeep } from './upkeep.ts';

/** Everything a messenger consists of, over one open vault that holds an account. */
export interface Rooms {
  readonly vault: Vault;
  readonly effects: Effects;
  readonly core: Core;
  readonly transport: GatewayTransport;
  readonly connection: Connection;
  readonly standing: Standing;
  readonly sessions: Sessions;
  readonly outbox: Outbox;
  readonly inbox: Inbox;
  readonly receipts: Receipts;
  readonly held: HeldMessages;
  readonly sent: SentMessages;
  readonly typing: Typing;
  readonly contacts: Contacts;
  readonly conversations: Conversations;
  readonly writing: Writing;
  readonly attachments: Attachments;
  readonly problems: ProblemLog;
  readonly asker: Asker;
  readonly disappearing: Disappearing;
  readonly settingsSync: SettingsSync;
  readonly groups: Groups;
  readonly groupRoom: GroupRoom;
  readonly keyPackages: KeyPackageKeeper;
  readonly prekeys: PrekeyKeeper;
  readonly grants: Grants;
  readonly devices: OwnDevices;
  readonly chains: ChainKeeper;
  readonly upkeep: Upkeep;
}

/** What exists before it is known who this is. */
export interface Ground {
  readonly vault: Vault;
  readonly effects: Effects;
  readonly events: Emitter;
  readonly bells: Bells;
  readonly ledger: Ledger;
}

export function layGround(vault: Vault, effects: Effects): Ground {
  const events = new Emitter();
  const bells = new Bells();
  return { vault, effects, events, bells, ledger: new Ledger(vault, events, bells) };
}

/** Builds the rooms; nothing happens yet. Throws `no_account`. */
export function furnish(ground: Ground, settings: Partial<Settings>, onRevoked: () => void): Rooms {
  const core = makeCore(ground, { ...defaultSettings, ...settings }, (tx, message) => planner.planIn(tx, message));
  const transport = openTransport(core, ground.effects);
  const chains = new Chains(core);
  const sessions = new Sessions(core, () => core.own.published());
  const sealer = new Sealer(core, sessions, transport);
  const planner = new Planner(core, chains);
  const outbox = new Outbox({ core, planner, sealer, sessions, transport });
  const inbox = new Inbox(core, chains, sessions);
  const prekeys = new PrekeyKeeper(core, transport);
  const grants = new Grants(core, transport);
  const devices = new OwnDevices(core, chains, sessions, transport);
  const chainKeeper = new ChainKeeper(core, chains, transport);
  const keyPackages = new KeyPackageKeeper(core, transport);
  const acquaintances = new Acquaintances(core, chains);
  const groupParts = {
    core,
    transport,
    acquaintances,
    chains: new ChainFinder(core, acquaintances, transport),
    packages: new KeyPackages(core, transport),
    changes: new Changes(core),
    blobs: new BlobCarrier(core, transport),
  };
  const groupRoom = new GroupRoom(groupParts);
  const upkeep = new Upkeep(core, ground.vault, sessions);
  const standing = new Standing(core, sessions, transport);
  const attachments = new Attachments(core, transport, ground.effects.files);
  const connection = new Connection({
    core,
    transport,
    standing,
    sink: (incoming, waited) => inbox.receive(incoming, waited),
    onOnline: () => {
      outbox.online();
      attachments.online();
      // Another own device may have added or revoked one while this one was away.
      core.bells.ring('chain', core.self.accountRef);
      grants.online();
      groupRoom.online();
      for (const { chore } of [prekeys, keyPackages, devices, chainKeeper, inbox, standing]) chore.kick();
    },
    onRevoked,
  });
  return {
    vault: ground.vault,
    effects: ground.effects,
    core,
    transport,
    connection,
    standing,
    sessions,
    outbox,
    inbox,
    receipts: new Receipts(core),
    held: new HeldMessages(core),
    sent: new SentMessages(core),
    typing: new Typing({ core, chains, sessions, sealer, transport }),
    contacts: new Contacts(core, chains, transport),
    conversations: new Conversations(core),
    writing: new Writing(core),
    attachments,
    problems: new ProblemLog(core),
    asker: new Asker(core, chains, sessions),
    disappearing: new Disappearing(core),
    settingsSync: new SettingsSync(core),
    groups: new Groups(groupParts),
    groupRoom,
    keyPackages,
    prekeys,
    grants,
    devices,
    chains: chainKeeper,
    upkeep,
  };
}

function makeCore(ground: Ground, settings: Settings, plan: Core['plan']): Core {
  const { effects, ledger, events, bells } = ground;
  const row = ledger.read(readAccount);
  if (row === null) throw new MessengerError('no_account', 'there is no account in this vault');
  const account = accountId(row.account);
  const device = deviceId(row.device);
  const self: SelfIds = { account, accountRef: accountRef(account), device, deviceRef: deviceRef(device) };
  const { provider, clock, random } = effects;
  const numbers = ledger.read((read) =>
    [...outbounds.all(read), ...groupIntents.all(read)].map((entry) => entry.row.number),
  );
  let last = numbers.reduce((most, number) => (number > most ? number : most), 0n);
  const background = new Background(events);
  bells.onFailure = (cause) => background.report(cause);
  return {
    provider,
    clock,
    random,
    settings,
    ledger,
    events,
    bells,
    self,
    background,
    clearance: new Clearance(),
    engine: new EngineRoom(effects.engine, ledger),
    own: new OwnAccount({ provider, clock, ledger, self }),
    plan,
    nextNumber: () => ++last,
  };
}

function openTransport(core: Core, effects: Effects): GatewayTransport {
  const { clock, self, own, random } = core;
  return effects.openTransport({
    device: {
      address: own.gateway,
      clock,
      account: self.account,
      device: self.device,
      signLogin: async (challenge) => {
        const { signature } = await core.engine.ask({ kind: 'sign-login', ...challenge }, ['device/keys']);
        return signature;
      },
    },
    random,
  });
}

/** Takes up work: sends what was left, receives, keeps everything up to date. */
export async function moveIn(rooms: Rooms): Promise<void> {
  await rooms.sessions.open();
  rooms.disappearing.check();
  rooms.held.check();
  rooms.settingsSync.open();
  rooms.asker.check();
  rooms.receipts.open();
  rooms.outbox.open();
  await rooms.attachments.open();
  rooms.groupRoom.open();
  rooms.upkeep.open();
  rooms.connection.open();
}

/** Ends everything, in the order in which nothing needs what is gone. */
export async function moveOut(rooms: Rooms, why: 'asked' | 'revoked'): Promise<void> {
  const { core, transport, vault, effects } = rooms;
  if (why === 'asked') await rooms.standing.witness.close();
  rooms.connection.close();
  rooms.outbox.close();
  rooms.attachments.close();
  rooms.receipts.close();
  rooms.held.close();
  rooms.disappearing.close();
  rooms.asker.close();
  rooms.settingsSync.close();
  rooms.upkeep.close();
  for (const { chore } of [
    rooms.prekeys,
    rooms.keyPackages,
    rooms.grants,
    rooms.devices,
    rooms.chains,
    rooms.inbox,
    rooms.standing,
  ]) {
    chore.close();
  }
  // Receiving ends by acknowledging what is done; then the connections go.
  const groupsClosed = rooms.groupRoom.close();
  await core.background.close();
  await groupsClosed;
  await transport.close();
  await rooms.sessions.idle();
  rooms.sent.close();
  core.events.close(why);
  vault.close();
  await effects.engine.close();
}
