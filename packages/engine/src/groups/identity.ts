import type { PrivateKey } from '@sotto/crypto';
import { activeDevice } from '@sotto/identity';
import type { ClientOptions } from '@sotto/mls';
import { deviceId, encodeMemberCredential, equalBytes } from '@sotto/wire';
import { parsed } from '../calls/account.ts';
import type { CallContext } from '../calls/context.ts';
import { judging } from '../chains.ts';
import type { OwnIdentity } from '../engine.ts';
import { EngineError } from '../error.ts';
import { readKeyPairs } from '../key-records.ts';
import type { RecordReader } from '../reader.ts';
import { DEVICE_KEYS } from '../records.ts';

type Identity = ClientOptions['identity'] & { readonly signer: PrivateKey<'ed25519'> };

/** This device's serialised credential, naming the head of `own.chain`. Throws `identity`, `revoked`, `request`. */
export function ownCredential(
  { chains }: CallContext,
  { own, gateway }: { readonly own: OwnIdentity; readonly gateway: string },
): { readonly identity: Uint8Array; readonly signatureKey: Uint8Array } {
  const view = judging(() => chains.view(own.chain));
  if (!equalBytes(view.account, own.account)) {
    throw new EngineError('identity', 'the chain is not that of the own account');
  }
  const device = parsed(() => deviceId(own.device));
  const entry = activeDevice(view, device);
  if (entry === null) throw new EngineError('revoked', 'this device is no active device of its account');
  const identity = parsed(() => encodeMemberCredential({ account: view.account, device, head: view.head, gateway }));
  return { identity, signatureKey: entry.certificate.ed25519 };
}

/** The same with the device's key, which is the caller's to dispose. Reads `device/keys`. Throws `damaged_record`, too. */
export function identityOf(
  context: CallContext,
  request: { readonly own: OwnIdentity; readonly gateway: string },
  records: RecordReader,
): Identity {
  const pairs = readKeyPairs(records.get(DEVICE_KEYS));
  const { identity, signatureKey } = ownCredential(context, request);
  if (!equalBytes(signatureKey, pairs.firstPublic)) {
    throw new EngineError('damaged_record', 'the keys are not those of this device');
  }
  return {
    credential: { kind: 'basic', identity },
    signer: context.crypto.importPrivate('ed25519', pairs.firstPrivate),
  };
}
