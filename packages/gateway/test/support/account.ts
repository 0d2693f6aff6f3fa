import { create, toBinary } from '@bufbuild/protobuf';
import { nativeProvider } from '@sotto/crypto';
import type { CryptoProvider } from '@sotto/crypto';
import { connectDevice } from '@sotto/gateway-api';
import type { DeviceConnection, SignLogin } from '@sotto/gateway-api';
import {
  createAccountKeys,
  createDeviceKeys,
  deviceIdOf,
  replay,
  signCertificate,
  signGenesis,
  signStatement,
} from '@sotto/identity';
import type { AccountKeys, DeviceKeys } from '@sotto/identity';
import { systemClock } from '@sotto/transport';
import type { Clock } from '@sotto/transport';
import {
  capabilityHashOf,
  deviceId,
  encodeEnvelope,
  encodeEnvelopeHeader,
  loginMessage,
  mailboxId,
  PrekeyEntrySchema,
  PrekeyKind,
  PrekeyLeafSchema,
  roundExpiry,
  SUITE_PQXDH,
} from '@sotto/wire';
import type { AccountId, DeviceId } from '@sotto/wire';

export const provider: CryptoProvider = nativeProvider();

/** An account with its keys, as a client would hold it. */
export interface TestAccount {
  readonly keys: AccountKeys;
  readonly account: AccountId;
  readonly first: TestDevice;
  /** Serialised statements, growing. */
  readonly chain: Uint8Array[];
}

export interface TestDevice {
  readonly keys: DeviceKeys;
  readonly device: DeviceId;
}

export function createTestAccount(): TestAccount {
  const keys = createAccountKeys(provider);
  const first = createDevice();
  const genesis = signGenesis(provider, keys, first.keys, {
    deviceName: 'test',
    policy: { devices: 'multi' },
    minimumSuite: SUITE_PQXDH,
    rights: { messages: true, manage: true },
    now: Date.now(),
  });
  return { keys, account: genesis.account, first, chain: [genesis.bytes] };
}

export function createDevice(): TestDevice {
  const keys = createDeviceKeys(provider);
  return { keys, device: deviceIdOf(provider, keys.ed25519.publicKey, keys.x25519.publicKey) };
}

/** Signs AddDevice by the account's first device and appends it. */
export function addDevice(account: TestAccount, device: TestDevice = createDevice()): TestDevice {
  const certificate = signCertificate(provider, device.keys, {
    accountKey: account.keys.account.publicKey,
    minimumSuite: SUITE_PQXDH,
    rights: { messages: true, manage: true },
    name: 'another',
    createdAt: Date.now(),
  });
  const { view } = replay(provider, account.chain);
  const body = { kind: 'add-device', device: certificate } as const;
  account.chain.push(signStatement(provider, view, account.first.keys.ed25519, body, Date.now()).bytes);
  return device;
}

/** Signs RevokeDevice by the account's first device and appends it. */
export function revokeDevice(account: TestAccount, device: TestDevice): Uint8Array {
  const { view } = replay(provider, account.chain);
  const body = { kind: 'revoke-device', device: device.device, reason: 'lost' } as const;
  const { bytes } = signStatement(provider, view, account.first.keys.ed25519, body, Date.now());
  account.chain.push(bytes);
  return bytes;
}

export function signLoginBy(device: TestDevice): SignLogin {
  return (challenge) =>
    Promise.resolve(
      provider.sign(device.keys.ed25519, loginMessage({ ...challenge, device: deviceId(device.device) })),
    );
}

export function connect(
  address: string,
  account: TestAccount,
  device: TestDevice = account.first,
  clock: Clock = systemClock,
): DeviceConnection {
  const { account: id } = account;
  return connectDevice({ address, account: id, device: device.device, signLogin: signLoginBy(device), clock });
}

/** A registered device with a capability to post to it. */
export interface Receiver extends AsyncDisposable {
  readonly account: TestAccount;
  readonly device: DeviceConnection;
  readonly mailbox: Uint8Array;
  readonly capability: { readonly kind: 'capability'; readonly secret: Uint8Array };
}

export async function registerReceiver(address: string, dailyQuota?: number): Promise<Receiver> {
  const account = createTestAccount();
  const device = connect(address, account);
  const mailbox = await device.register({ statements: account.chain });
  const secret = provider.random(32);
  const hash = hashOf(secret);
  await device.createCapabilities([{ hash, mailbox, ...(dailyQuota === undefined ? {} : { dailyQuota }) }]);
  return {
    account,
    device,
    mailbox,
    capability: { kind: 'capability', secret },
    [Symbol.asyncDispose]: () => device.close(),
  };
}

export function hashOf(secret: Uint8Array): Uint8Array {
  return capabilityHashOf(secret, (...parts) => provider.hash('sha256', ...parts));
}

/** A well-formed envelope whose seal is random bytes; `size` is one of the size buckets. */
export function testEnvelope(mailbox: Uint8Array, size = 512, expiresInSeconds = 86_400, now = Date.now()): Uint8Array {
  const header = encodeEnvelopeHeader({
    suite: SUITE_PQXDH,
    mailbox: mailboxId(mailbox),
    expiresAt: roundExpiry(now / 1000 + expiresInSeconds),
    urgency: 'high',
  });
  return encodeEnvelope(header, provider.random(size));
}

/** Serialised PrekeyEntry with a leaf that says the same; key and proof are random. */
export function testPrekey(
  kind: PrekeyKind,
  id: number,
  expiresAt = Math.floor(Date.now() / 1000) + 86_400,
): Uint8Array {
  const leaf = toBinary(
    PrekeyLeafSchema,
    create(PrekeyLeafSchema, { kind, id, expiresAt: BigInt(expiresAt), publicKey: provider.random(32) }),
  );
  const prekey = { leaf, index: id, proof: [provider.random(32)], batch: provider.random(120) };
  return toBinary(PrekeyEntrySchema, create(PrekeyEntrySchema, { kind, id, prekey }));
}

export function lastingPrekeys(): Uint8Array[] {
  return [PrekeyKind.SIGNED, PrekeyKind.LAST_RESORT_KEM, PrekeyKind.SEALING].map((kind) => testPrekey(kind, 1));
}
