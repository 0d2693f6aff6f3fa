import assert from 'node:assert/strict';
import { nativeProvider } from '@sotto/crypto';
import type { CryptoProvider } from '@sotto/crypto';
import { Client } from '@sotto/mls';
import type { ClientOptions, Group, GroupPolicy, KeyPackageBundle, MlsErrorCode, PendingCommit } from '@sotto/mls';
import { CIPHER_SUITES, MlsError } from '@sotto/mls';

export const native = nativeProvider();

export function utf8(from: string): Uint8Array {
  return new TextEncoder().encode(from);
}

export function text(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}

export const clock = { now: Date.UTC(2026, 10, 20) };

/** A client whose basic credential is its name. */
export function person(name: string, options: Partial<ClientOptions> & { policy?: Partial<GroupPolicy> } = {}): Client {
  const provider: CryptoProvider = options.provider ?? native;
  return new Client({
    provider,
    cipherSuite: 1,
    identity: {
      credential: { kind: 'basic', identity: utf8(name) },
      signer: provider.generate(CIPHER_SUITES.get(options.cipherSuite ?? 1)?.signature ?? 'ed25519'),
    },
    authentication: { accepts: () => true },
    now: () => clock.now,
    ...options,
  });
}

/** A group that `founder` makes and adds the others to, one commit for all; in the order of leaves. */
export function groupOf(clients: readonly Client[], groupId?: Uint8Array): Group[] {
  const [founder, ...others] = clients;
  assert.ok(founder);
  const group = founder.createGroup(groupId === undefined ? {} : { groupId });
  if (others.length === 0) return [group];
  const bundles = others.map((client) => client.createKeyPackage());
  const builder = group.commit();
  for (const bundle of bundles) builder.add(bundle.message);
  const { digest, welcome } = builder.create();
  group.merge(digest);
  return [group, ...others.map((client, i) => join(client, welcome, bundles[i]))];
}

export function join(client: Client, welcome: Uint8Array | null, bundle: KeyPackageBundle | undefined): Group {
  assert.ok(welcome);
  assert.ok(bundle);
  return client.join({ welcome, keyPackages: [bundle] }).group;
}

/** Merges a commit at its maker and processes it at the others. */
export function deliver(commit: PendingCommit, maker: Group, others: readonly Group[]): void {
  maker.merge(commit.digest);
  for (const group of others) group.process(commit.message);
}

/** All in one epoch, with one authenticator. */
export function assertAgree(groups: readonly Group[]): void {
  const [first, ...rest] = groups;
  assert.ok(first);
  for (const group of rest) {
    assert.equal(group.epoch, first.epoch);
    assert.deepEqual(group.epochAuthenticator, first.epochAuthenticator);
  }
}

/** Everyone reads everyone. */
export function assertTalk(groups: readonly Group[]): void {
  for (const sender of groups) {
    const message = sender.encrypt(utf8(`from ${sender.ownLeaf}`));
    for (const receiver of groups) {
      if (receiver === sender) continue;
      const got = receiver.process(message);
      assert.equal(got.kind, 'application');
      if (got.kind === 'application') {
        assert.equal(text(got.data), `from ${sender.ownLeaf}`);
        assert.equal(got.sender, sender.ownLeaf);
      }
    }
  }
}

/** `run` throws an MlsError of this code. */
export function refuses(code: MlsErrorCode, run: () => unknown): void {
  assert.throws(run, (error) => {
    if (!(error instanceof MlsError)) throw error;
    assert.equal(error.code, code, error.message);
    return true;
  });
}

/** Records of a group as a caller stores them. */
export class Store {
  records = new Map<string, Uint8Array>();

  /** Stores what changed; bytes written. */
  save(group: Group): number {
    let bytes = 0;
    for (const change of group.takeChanges()) {
      if (change.bytes === null) {
        this.records.delete(change.name);
      } else {
        this.records.set(change.name, change.bytes);
        bytes += change.bytes.length;
      }
    }
    return bytes;
  }

  read(name: string): Uint8Array | null {
    return this.records.get(name) ?? null;
  }

  copy(): Store {
    const copy = new Store();
    copy.records = new Map(this.records);
    return copy;
  }
}
