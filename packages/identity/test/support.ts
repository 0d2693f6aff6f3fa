import { nativeProvider } from '@sotto/crypto';
import type { PrivateKey } from '@sotto/crypto';
import {
  createAccountKeys,
  createDeviceKeys,
  deviceIdOf,
  IdentityError,
  replay,
  signCertificate,
  signGenesis,
} from '@sotto/identity';
import type {
  AccountKeys,
  AccountView,
  DeviceKeys,
  DeviceRights,
  ReplayResult,
  Statement,
  StatementBody,
} from '@sotto/identity';
import { idHex, SUITE_PQXDH } from '@sotto/wire';
import type { DeviceId, Signer } from '@sotto/wire';

export const crypto = nativeProvider();

export interface TestDevice {
  readonly keys: DeviceKeys;
  readonly id: DeviceId;
  readonly rights: DeviceRights;
}

export interface TestAccount {
  readonly keys: AccountKeys;
  readonly first: TestDevice;
  readonly genesis: Statement;
}

export function device(rights: DeviceRights = { messages: true, manage: true }): TestDevice {
  const keys = createDeviceKeys(crypto);
  return { keys, id: deviceIdOf(crypto, keys.ed25519.publicKey, keys.x25519.publicKey), rights };
}

export function account(devices: 'multi' | 'single-active' = 'multi'): TestAccount {
  const keys = createAccountKeys(crypto);
  const first = device();
  const genesis = signGenesis(crypto, keys, first.keys, {
    deviceName: 'Phone',
    policy: { devices },
    rights: first.rights,
    minimumSuite: SUITE_PQXDH,
    now: 0,
  });
  return { keys, first, genesis };
}

export function certificateOf(owner: TestAccount, added: TestDevice) {
  return signCertificate(crypto, added.keys, {
    accountKey: owner.keys.account.publicKey,
    minimumSuite: SUITE_PQXDH,
    rights: added.rights,
    name: 'Other',
    createdAt: 0,
  });
}

export function addition(owner: TestAccount, added: TestDevice): StatementBody {
  return { kind: 'add-device', device: certificateOf(owner, added) };
}

export function revocation(revoked: TestDevice): StatementBody {
  return { kind: 'revoke-device', device: revoked.id, reason: 'lost' };
}

export function viewOf(statements: readonly Statement[]): AccountView {
  const result = replay(
    crypto,
    statements.map((statement) => statement.bytes),
  );
  if (result.kind !== 'consistent') throw new Error('an equivocation where none was meant');
  return result.view;
}

/** What matters of a result, comparable. */
export function heads(result: ReplayResult) {
  return {
    kind: result.kind,
    inForce: result.view.statements.map((statement) => idHex(statement.hash)),
    void: result.view.void.length,
    devices: [...result.view.devices].map(([id, entry]) => [id, entry.state.kind]),
  };
}

/** Code of the IdentityError that `call` throws; null if it throws none; other errors pass. */
export function codeOf(call: () => unknown): string | null {
  try {
    call();
    return null;
  } catch (error) {
    if (error instanceof IdentityError) return error.code;
    throw error;
  }
}

export function signer(key: PrivateKey<'ed25519'>): Signer {
  return { publicKey: key.publicKey, sign: (message) => crypto.sign(key, message) };
}
