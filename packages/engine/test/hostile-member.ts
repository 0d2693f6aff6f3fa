import assert from 'node:assert/strict';
import { Client } from '@sotto/mls';
import type { ClientOptions, CommitBuilder, Group, Proposal } from '@sotto/mls';
import {
  decodeLogPost,
  encodeMemberCredential,
  GROUP_POLICY_EXTENSION,
  idHex,
  accountId,
  deviceId,
  logId,
} from '@sotto/wire';
import type { LogEntryFields, MemberCredential } from '@sotto/wire';
import { Secret } from '@sotto/crypto';
import type { CryptoProvider } from '@sotto/crypto';
import { epochKeyOf, sealEntry } from '../src/groups/epoch-keys.ts';
import { readLogState } from '../src/groups/log-state.ts';
import type { LogState } from '../src/groups/log-state.ts';
import { crypto, GATEWAY } from './group-members.ts';
import type { Member } from './group-members.ts';

/** A member that does as it likes with the keys it has: nothing of what it makes goes through the engine. */
export class Hostile {
  readonly member: Member;

  constructor(member: Member) {
    this.member = member;
  }

  get state(): LogState {
    return readLogState(this.member.device.records.get(this.#name('log'))!);
  }

  client(identity?: ClientOptions['identity'], provider = crypto): Client {
    return new Client({
      provider,
      cipherSuite: 3,
      identity: identity ?? {
        credential: { kind: 'basic', identity: new Uint8Array() },
        signer: crypto.generate('ed25519'),
      },
      authentication: { accepts: () => true, succeeds: () => true },
      now: () => this.member.now,
      capabilities: { extensions: [0x000a, GROUP_POLICY_EXTENSION, 0xf5ff] },
    });
  }

  group(provider = crypto): Group {
    return this.client(undefined, provider).load({
      read: (name) => this.member.device.records.get(this.#name(name)) ?? null,
    });
  }

  /** Puts a commit of whatever it wants into the log. `successor`: another than the right one. */
  commit(
    plan: (builder: CommitBuilder) => void,
    options: {
      readonly successor?: Uint8Array;
      readonly chains?: readonly Uint8Array[];
      readonly provider?: CryptoProvider;
    } = {},
  ): void {
    const group = this.group(options.provider);
    const builder = group.commit();
    plan(builder);
    const { message, digest } = builder.create();
    group.merge(digest);
    this.post('commit', message, { ...options, successor: options.successor ?? epochKeyOf(crypto, group) });
  }

  propose(proposal: Proposal): void {
    const group = this.group();
    this.post('proposal', group.propose(proposal));
  }

  post(
    kind: LogEntryFields['kind'],
    mls: Uint8Array,
    options: { readonly successor?: Uint8Array; readonly chains?: readonly Uint8Array[]; readonly key?: Secret } = {},
  ): void {
    const { current } = this.state;
    const place = { log: logId(current.log), epochKey: current.publicKey };
    const fields: LogEntryFields =
      kind === 'commit' || kind === 'external-commit'
        ? { ...place, kind, successor: options.successor ?? crypto.random(32) }
        : { ...place, kind };
    const key = options.key ?? (kind === 'external-commit' ? current.externalSealKey : current.sealKey);
    const { chains = [] } = options;
    this.member.log.append(sealEntry(crypto, key, fields, { mls, chains }), kind);
  }

  /** A key package with any credential, signed by any key. */
  keyPackage(credential: Partial<MemberCredential>, signer = crypto.generate('ed25519')): Uint8Array {
    const identity = encodeMemberCredential({
      account: accountId(this.member.device.account),
      device: deviceId(crypto.random(16)),
      head: { sequence: 0, hash: accountId(this.member.device.account) as never },
      gateway: GATEWAY,
      ...credential,
    });
    return this.client({ credential: { kind: 'basic', identity }, signer }).createKeyPackage().message;
  }

  #name(name: string): string {
    return `mls/${idHex(this.member.group)}/${name}`;
  }
}

/** The entry that a post holds. */
export function entryOf(post: Uint8Array): Uint8Array {
  return decodeLogPost(post).entry.bytes;
}

/** Everyone passes the last entry over for this, and the group goes on. */
export async function assertAllRefuse(members: readonly Member[], expected: string): Promise<void> {
  for (const member of members) {
    const before = await member.head();
    let last = await member.next();
    for (let result = last; result !== null; result = await member.next()) last = result;
    assert.ok(last);
    const reason = last.kind === 'invalid' ? last.rule : last.kind === 'passed-over' ? last.reason : last.kind;
    assert.equal(reason, expected);
    const after = await member.head();
    assert.deepEqual(after, before);
  }
}

/** Encrypts to this X25519 key what nobody can read, and is right otherwise. */
export function failingFor(key: Uint8Array): CryptoProvider {
  return new Proxy(crypto, {
    get(target, name: keyof CryptoProvider) {
      if (name === 'dh') {
        return (own: Parameters<CryptoProvider['dh']>[0], peer: Uint8Array | { readonly bytes: Uint8Array }) => {
          const bytes = peer instanceof Uint8Array ? peer : peer.bytes;
          return Buffer.compare(bytes, key) === 0 ? Secret.take(crypto.random(32)) : target.dh(own, peer as never);
        };
      }
      const value = target[name];
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}
