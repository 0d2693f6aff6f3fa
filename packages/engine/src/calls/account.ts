import {
  createAccountKeys,
  createDeviceKeys,
  deviceIdOf,
  readCertificate,
  signCertificate,
  signGenesis,
  signStatement,
} from '@sotto/identity';
import type { DeviceKeys, StatementBody } from '@sotto/identity';
import { deviceId, loginMessage, SUITE_PQXDH, WireError } from '@sotto/wire';
import type { PrivateKey } from '@sotto/crypto';
import { judging } from '../chains.ts';
import { EngineError } from '../error.ts';
import { readKeyPairs, writeAccountKeys, writeDeviceKeys } from '../key-records.ts';
import type { KeyPairs } from '../key-records.ts';
import type { RecordReader } from '../reader.ts';
import { ACCOUNT_KEYS, DEVICE_KEYS } from '../records.ts';
import type { Call, CallContext } from './context.ts';

const ALL_RIGHTS = { messages: true, manage: true };

export const createAccount: Call<'create-account'> = ({ crypto }, request, records) => {
  records.require([ACCOUNT_KEYS, DEVICE_KEYS]);
  requireNone(records, ACCOUNT_KEYS);
  requireNone(records, DEVICE_KEYS);
  const keys = createAccountKeys(crypto);
  const device = createDeviceKeys(crypto);
  try {
    const genesis = judging(() =>
      signGenesis(crypto, keys, device, {
        deviceName: request.deviceName,
        policy: { devices: request.devices },
        rights: ALL_RIGHTS,
        minimumSuite: SUITE_PQXDH,
        now: request.now,
      }),
    );
    return {
      result: { account: genesis.account, device: idOf(crypto, device), statements: [genesis.bytes] },
      changed: [
        { name: ACCOUNT_KEYS, bytes: writeAccountKeys(keys) },
        { name: DEVICE_KEYS, bytes: writeDeviceKeys(device) },
      ],
    };
  } finally {
    disposeAll(keys.account, keys.recovery, device.ed25519, device.x25519);
  }
};

export const createDevice: Call<'create-device'> = ({ crypto }, request, records) => {
  requireNone(records, DEVICE_KEYS);
  const device = createDeviceKeys(crypto);
  try {
    const certificate = judging(() =>
      signCertificate(crypto, device, {
        accountKey: request.accountKey,
        rights: ALL_RIGHTS,
        minimumSuite: SUITE_PQXDH,
        name: request.deviceName,
        createdAt: request.now,
      }),
    );
    return {
      result: { device: certificate.device, certificate: certificate.bytes },
      changed: [{ name: DEVICE_KEYS, bytes: writeDeviceKeys(device) }],
    };
  } finally {
    disposeAll(device.ed25519, device.x25519);
  }
};

export const signStatementCall: Call<'sign-statement'> = (context, request, records) => {
  const { crypto, chains } = context;
  const signer = signingKey(context, readKeyPairs(records.get(DEVICE_KEYS)));
  const statement = judging(() => {
    const { statement: wanted } = request;
    const body: StatementBody =
      wanted.kind === 'add-device'
        ? { kind: 'add-device', device: readCertificate(crypto, wanted.certificate) }
        : { kind: 'revoke-device', device: requestedDevice(wanted.device), reason: wanted.reason };
    return signStatement(crypto, chains.view(request.chain), signer, body, request.now);
  });
  return { result: { statement: statement.bytes }, changed: [] };
};

export const signLogin: Call<'sign-login'> = (context, request, records) => {
  const pairs = readKeyPairs(records.get(DEVICE_KEYS));
  const device = deviceIdOf(context.crypto, pairs.firstPublic, pairs.secondPublic);
  const signature = context.crypto.sign(
    signingKey(context, pairs),
    parsed(() => loginMessage({ ...request, device })),
  );
  return { result: { signature }, changed: [] };
};

/** The device's Ed25519 key; owned by the cache. */
export function signingKey({ pairwise }: CallContext, pairs: KeyPairs): PrivateKey<'ed25519'> {
  return pairwise.keys.get('ed25519', pairs.firstPublic, pairs.firstPrivate);
}

/** The device's X25519 key; owned by the cache. */
export function identityKey({ pairwise }: CallContext, pairs: KeyPairs): PrivateKey<'x25519'> {
  return pairwise.keys.get('x25519', pairs.secondPublic, pairs.secondPrivate);
}

/** Runs a check of wire data in a request; a `WireError` comes out as `EngineError` `request`. */
export function parsed<T>(parse: () => T): T {
  try {
    return parse();
  } catch (cause) {
    if (cause instanceof WireError)
      throw new EngineError('request', 'a field of the request does not parse', { cause });
    throw cause;
  }
}

function requestedDevice(bytes: Uint8Array) {
  return parsed(() => deviceId(bytes));
}

function requireNone(records: RecordReader, name: string): void {
  if (records.find(name) !== null) throw new EngineError('exists', 'there are keys already');
}

function idOf(crypto: CallContext['crypto'], keys: DeviceKeys) {
  return deviceIdOf(crypto, keys.ed25519.publicKey, keys.x25519.publicKey);
}

function disposeAll(...keys: readonly Disposable[]): void {
  for (const key of keys) key[Symbol.dispose]();
}
