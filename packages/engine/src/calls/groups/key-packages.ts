import { inspect, MlsError } from '@sotto/mls';
import { EngineError } from '../../error.ts';
import { credentialOf } from '../../groups/credentials.ts';
import { identityOf } from '../../groups/identity.ts';
import { mlsClient } from '../../groups/store.ts';
import type { KeyPackageFacts, KeyPackageMade } from '../../mls-calls.ts';
import { keyPackageName } from '../../records.ts';
import type { RecordChange } from '../../engine.ts';
import type { Call, CallContext } from '../context.ts';

const MOST = 100;
const DAY_MS = 24 * 60 * 60 * 1000;
/** As long as gateways keep them. */
const VALID_MS = 84 * DAY_MS;
/** An invitation may lie in a mailbox after its key package could still be used. */
const KEPT_MS = VALID_MS + 30 * DAY_MS;

export const createKeyPackages: Call<'create-key-packages'> = (context, request, records) => {
  const { count, lastResort, now, suite } = request;
  if (!Number.isInteger(count) || count < 0 || count > MOST) {
    throw new EngineError('request', 'at most 100 key packages at once');
  }
  const identity = identityOf(context, request, records);
  const client = mlsClient(context, { now, identity, ...(suite === undefined ? {} : { suite }) });
  const keyPackages: KeyPackageMade[] = [];
  const changed: RecordChange[] = [];
  for (let i = 0; i < count + (lastResort ? 1 : 0); i++) {
    const isLast = i === count;
    using bundle = client.createKeyPackage({ lastResort: isLast, validFor: VALID_MS });
    keyPackages.push({
      ref: bundle.ref.slice(),
      keyPackage: bundle.message,
      lastResort: isLast,
      expiresAt: now + VALID_MS,
      keptUntil: now + KEPT_MS,
    });
    changed.push({ name: keyPackageName(bundle.ref), bytes: bundle.encode() });
  }
  identity.signer[Symbol.dispose]();
  return { result: { keyPackages }, changed };
};

export const deleteKeyPackages: Call<'delete-key-packages'> = (_context, { refs }, records) => {
  const names = refs.map(keyPackageName);
  records.require(names);
  const there = names.filter((name) => records.find(name) !== null);
  return { result: { deleted: there.length }, changed: there.map((name) => ({ name, bytes: null })) };
};

export const inspectKeyPackage: Call<'inspect-key-package'> = (context, { keyPackage, now }) => ({
  result: { keyPackage: keyPackageFacts(context, keyPackage, now) },
  changed: [],
});

/** Null for what cannot be used. */
export function keyPackageFacts({ crypto }: CallContext, bytes: Uint8Array, now: number): KeyPackageFacts | null {
  let inspected;
  try {
    inspected = inspect(crypto, bytes);
  } catch (error) {
    if (error instanceof MlsError) return null;
    throw error;
  }
  if (inspected.kind !== 'key_package') return null;
  const { member, extensions, cipherSuite: suite, ref } = inspected;
  const credential = credentialOf(member.credential);
  const { source } = member.node;
  if (credential === null || source.kind !== 'key_package') return null;
  const expiresAt = Number(source.lifetime.notAfter) * 1000;
  if (now > expiresAt || now < Number(source.lifetime.notBefore) * 1000 - DAY_MS) return null;
  const { account, device, head, gateway } = credential;
  const lastResort = extensions.some(({ type }) => type === LAST_RESORT);
  return { ref, account, device, head, gateway, suite, lastResort, expiresAt };
}

const LAST_RESORT = 0x000a;
