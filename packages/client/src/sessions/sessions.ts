import type { OwnIdentity } from '@sotto/engine';
import { EngineError } from '@sotto/engine';
import type { AccountId, DeviceId } from '@sotto/wire';
import { accountId, deviceId } from '@sotto/wire';
import type { Core } from '../core/core.ts';
import { KeyedQueue } from '../core/keyed-queue.ts';
import type { DeviceRef } from '../refs.ts';
import type { Tx } from '../store/ledger.ts';
import { deviceRef } from '../store/refs.ts';
import { peerDevices } from '../store/tables.ts';
import { newestStart, outlived, RECEIVE_ONLY_MS } from './choose.ts';
import {
  currentSession,
  dropSessions,
  factsOf,
  peerDevice,
  peerRefOf,
  putPeerDevice,
  rememberSession,
  retireSessions,
} from './rows.ts';
import { TagTable } from './tags.ts';

export interface PeerBundle {
  readonly account: AccountId;
  readonly device: DeviceId;
  /** The peer's statements as known, and when they were last compared with its gateway's (Unix ms). */
  readonly chain: readonly Uint8Array[];
  readonly chainCheckedAt: number;
  /** Serialised GetBundleResponse. */
  readonly bundle: Uint8Array;
}

/** Sessions with devices: which exist, which sends, and the tags by which their messages are recognised. */
export class Sessions {
  readonly tags = new TagTable();
  readonly #core: Core;
  readonly #identity: () => OwnIdentity;
  readonly #queue = new KeyedQueue();

  constructor(core: Core, identity: () => OwnIdentity) {
    this.#core = core;
    this.#identity = identity;
  }

  /** Engine calls on one device's sessions, one after the other: they would only outdate each other. */
  queue<T>(device: DeviceRef, task: () => Promise<T>): Promise<T> {
    return this.#queue.run(device, task);
  }

  /** Resolves when no call on a session is under way. */
  idle(): Promise<void> {
    return this.#queue.idle();
  }

  /** Rebuilds the tags, and ends sessions whose time is over. */
  async open(): Promise<void> {
    const now = this.#core.clock.now();
    const rows = this.#core.ledger.read((read) => peerDevices.all(read).map((entry) => entry.row));
    for (const row of rows) {
      const over = outlived(factsOf(row), now).map((session) => session.name);
      for (const name of over) await this.#end(peerRefOf(row), name);
      for (const { name } of row.sessions) if (!over.includes(name)) await this.#loadTags(row, name);
    }
  }

  /** About once a day: ends sessions whose time is over, and deletes the keys of messages that never came. */
  async tidy(): Promise<void> {
    const now = this.#core.clock.now();
    const rows = this.#core.ledger.read((read) => peerDevices.all(read).map((entry) => entry.row));
    for (const row of rows) {
      const device = peerRefOf(row);
      const over = outlived(factsOf(row), now).map((session) => session.name);
      for (const { name } of row.sessions) {
        if (this.#core.background.closing) return;
        await this.queue(device, () => (over.includes(name) ? this.#endIfOver(device, name) : this.#expire(name)));
      }
    }
  }

  /** Ends those sessions with a device whose time is over, after others were added. */
  async endOver(device: DeviceRef): Promise<void> {
    const row = this.#core.ledger.read((read) => peerDevices.get(read, device));
    const over = row === null ? [] : outlived(factsOf(row), this.#core.clock.now());
    for (const { name } of over) await this.queue(device, () => this.#endIfOver(device, name));
  }

  /** It may have become the one that sends since it was looked at. */
  async #endIfOver(device: DeviceRef, name: string): Promise<void> {
    const row = this.#core.ledger.read((read) => peerDevices.get(read, device));
    const over = row === null ? [] : outlived(factsOf(row), this.#core.clock.now());
    if (over.some((session) => session.name === name)) await this.#end(device, name);
  }

  async #expire(name: string): Promise<void> {
    try {
      await this.#core.engine.performIf<'expire-skipped', void>(
        {
          request: { kind: 'expire-skipped', session: name, now: this.#core.clock.now() },
          records: [name],
          commit: (tx, _result, changed) => {
            const gone = changed.filter(({ bytes }) => bytes === null).map((change) => change.name);
            tx.after(() => this.tags.forget(name, gone));
          },
        },
        ({ expired }) => expired > 0,
      );
    } catch (cause) {
      if (!(cause instanceof EngineError)) throw cause;
      this.#core.background.report(cause);
    }
  }

  /**
   * Starts a session from a fetched bundle, unless there is one that sends by now. `also` writes into the same
   * transaction. Throws `EngineError`.
   */
  async start(peer: PeerBundle, also: (tx: Tx) => void): Promise<void> {
    const device = deviceRef(peer.device);
    await this.queue(device, async () => {
      if (this.#core.ledger.read((read) => currentSession(read, device)) !== null) return;
      const now = this.#core.clock.now();
      const replaces = newestStart(
        this.#core.ledger.read((read) => factsOf(peerDevice(read, peer.account, peer.device))),
      );
      await this.#core.engine.perform<'start-session', void>({
        request: {
          kind: 'start-session',
          own: this.#identity(),
          peerChain: peer.chain,
          peerChainCheckedAt: peer.chainCheckedAt,
          peerDevice: peer.device,
          bundle: peer.bundle,
          now,
          ...(replaces === null ? {} : { replaces }),
        },
        records: ['device/keys'],
        commit: (tx, result) => {
          const row = peerDevice(tx.write, peer.account, peer.device);
          rememberSession(row, { name: result.session, own: true, startedAt: result.startedAt }, now);
          putPeerDevice(tx, row);
          also(tx);
          tx.after(() => this.tags.replace(result.session, result.tags));
        },
      });
    });
  }

  /** Lets no session send to a device any more: the next message starts a new one. */
  retire(tx: Tx, account: AccountId, device: DeviceId): void {
    const now = this.#core.clock.now();
    const row = peerDevice(tx.write, account, device);
    retireSessions(row, now + RECEIVE_ONLY_MS);
    row.resetAt = BigInt(now);
    putPeerDevice(tx, row);
  }

  /** The same for every device there is one with. */
  retireAll(tx: Tx): void {
    const until = this.#core.clock.now() + RECEIVE_ONLY_MS;
    for (const { row } of peerDevices.all(tx.write)) {
      retireSessions(row, until);
      putPeerDevice(tx, row);
    }
  }

  /** Ends all sessions with a device that was revoked. */
  async endAll(device: DeviceRef): Promise<void> {
    const row = this.#core.ledger.read((read) => peerDevices.get(read, device));
    for (const { name } of row?.sessions ?? []) await this.queue(device, () => this.#end(device, name));
  }

  /** Sessions by age, newest first: where a message could belong whose tag is not known. */
  newestFirst(): { readonly device: DeviceRef; readonly session: string }[] {
    const rows = this.#core.ledger.read((read) => peerDevices.all(read).map((entry) => entry.row));
    return rows
      .flatMap((row) => factsOf(row).map((facts) => ({ device: peerRefOf(row), facts })))
      .toSorted((a, b) => b.facts.startedAt - a.facts.startedAt)
      .map(({ device, facts }) => ({ device, session: facts.name }));
  }

  async #loadTags(row: ReturnType<typeof peerDevice>, name: string): Promise<void> {
    try {
      const { tags } = await this.#core.engine.ask({ kind: 'session-tags', session: name }, [name]);
      this.tags.replace(name, tags);
    } catch (cause) {
      if (!(cause instanceof EngineError)) throw cause;
      // The record is lost: nothing can be read or sent in it, so a new session has to take its place.
      this.#core.background.report(cause);
      this.#core.ledger.commit((tx) => this.lost(tx, accountId(row.account), deviceId(row.device), name));
    }
  }

  /** Forgets a session whose record is gone or damaged. */
  lost(tx: Tx, account: AccountId, device: DeviceId, name: string): void {
    const row = peerDevice(tx.write, account, device);
    dropSessions(row, [name]);
    putPeerDevice(tx, row);
    tx.after(() => this.tags.drop(name));
  }

  async #end(device: DeviceRef, name: string): Promise<void> {
    const forget = (tx: Tx): void => {
      const row = peerDevices.get(tx.write, device);
      if (row === null) return;
      dropSessions(row, [name]);
      putPeerDevice(tx, row);
      tx.after(() => this.tags.drop(name));
    };
    try {
      await this.#core.engine.perform<'end-session', void>({
        request: { kind: 'end-session', session: name },
        records: [name],
        commit: forget,
      });
    } catch (cause) {
      if (!(cause instanceof EngineError)) throw cause;
      this.#core.ledger.commit(forget);
    }
  }
}
