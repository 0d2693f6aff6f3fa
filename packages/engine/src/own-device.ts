import { activeDevice } from '@sotto/identity';
import type { AccountView, ChainState, DeviceEntry } from '@sotto/identity';
import type { LocalDevice, RemoteDevice } from '@sotto/ratchet';
import { deviceId, equalBytes } from '@sotto/wire';
import type { ChainHead } from '@sotto/wire';
import { identityKey, parsed } from './calls/account.ts';
import type { CallContext } from './calls/context.ts';
import { judging } from './chains.ts';
import type { OwnIdentity } from './engine.ts';
import { EngineError } from './error.ts';
import { readKeyPairs } from './key-records.ts';
import type { RecordReader } from './reader.ts';
import { DEVICE_KEYS } from './records.ts';

/**
 * This device, as its own chain certifies it and with its key. Throws `EngineError` `identity` for a chain that is not
 * the account's, `revoked` when it is not (or no longer) an active device, `damaged_record` for keys of another device.
 */
export function localDevice(context: CallContext, own: OwnIdentity, records: RecordReader, now: number): LocalDevice {
  const pairs = readKeyPairs(records.get(DEVICE_KEYS));
  const view = judging(() => context.chains.view(own.chain));
  if (!equalBytes(view.account, own.account)) {
    throw new EngineError('identity', 'the chain is not that of the own account');
  }
  const entry = activeDevice(
    view,
    parsed(() => deviceId(own.device)),
  );
  if (entry === null) throw new EngineError('revoked', 'this device is no active device of its account');
  if (!equalBytes(entry.certificate.ed25519, pairs.firstPublic)) {
    throw new EngineError('damaged_record', 'the keys are not those of this device');
  }
  return { ...remoteDevice(entry, headOf(view, now)), identityKey: identityKey(context, pairs) };
}

/** A device of a chain in the form key agreement wants it. */
export function remoteDevice({ certificate }: DeviceEntry, head: ChainHead): RemoteDevice {
  const { device, ed25519, x25519, minimumSuite } = certificate;
  return { device, head, ed25519, x25519, minimumSuite };
}

/** `seenAt`: Unix ms when the chain was last compared with its gateway's. */
export function headOf(state: ChainState | AccountView, seenAt: number): ChainHead {
  return { account: state.account, sequence: state.head.sequence, hash: state.head.hash, seenAt };
}
