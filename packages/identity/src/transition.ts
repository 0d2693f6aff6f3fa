import { equalBytes, idHex } from '@sotto/wire';
import type { DeviceId } from '@sotto/wire';
import type { DeviceCertificate } from './certificate.ts';
import { IdentityError } from './error.ts';
import { MAX_ACTIVE_DEVICES } from './limits.ts';
import type { Statement } from './statement.ts';
import type { ChainState, DeviceEntry, Position } from './view.ts';

/** Who signed a statement, as the chain before it sees them. Account keys come before all devices. */
export type Authority =
  | { readonly kind: 'account' }
  /** `seniority`: sequence of the statement that certified the device; lower is older. */
  | { readonly kind: 'device'; readonly seniority: number };

/** The state that a Genesis begins. Throws `IdentityError`: `genesis`, `foreign_signer`, `certificate`. */
export function begin(statement: Statement): ChainState {
  const { body, hash } = statement;
  if (body.kind !== 'genesis' || statement.sequence !== 0) {
    throw new IdentityError('genesis', 'a chain begins with a Genesis at sequence 0');
  }
  if (equalBytes(body.accountKey, body.recoveryKey)) {
    throw new IdentityError('genesis', 'account and recovery key must differ');
  }
  requireSigners(statement, [body.accountKey, body.recoveryKey]);
  if (!body.firstDevice.rights.manage) throw new IdentityError('genesis', 'the first device must be able to manage');
  const head = { sequence: 0, hash };
  const state = {
    account: statement.account,
    head,
    accountKey: body.accountKey,
    recoveryKey: body.recoveryKey,
    policy: body.policy,
    devices: new Map<string, DeviceEntry>(),
  };
  return { ...state, devices: withDevice(state, body.firstDevice, head) };
}

/**
 * The state after `statement`, and with whose authority it speaks. Throws `IdentityError`: `genesis`, `wrong_account`,
 * `wrong_sequence`, `foreign_signer`, `revoked_signer`, `missing_right`, `known_device`, `unknown_device`, `policy`,
 * `certificate`, `too_large`, `unsupported_statement`.
 */
export function advance(before: ChainState, statement: Statement): { state: ChainState; authority: Authority } {
  if (!equalBytes(statement.account, before.account)) {
    throw new IdentityError('wrong_account', 'a statement of another account');
  }
  if (statement.sequence !== before.head.sequence + 1) {
    throw new IdentityError('wrong_sequence', 'the sequence does not follow the statement before');
  }
  const { body } = statement;
  const head = { sequence: statement.sequence, hash: statement.hash };
  switch (body.kind) {
    case 'genesis':
      throw new IdentityError('genesis', 'a second Genesis');
    case 'add-device': {
      const authority = managingSigner(before, statement);
      return { state: { ...before, head, devices: withDevice(before, body.device, head) }, authority };
    }
    case 'revoke-device': {
      const authority = managingSigner(before, statement);
      const entry = activeDevice(before, body.device);
      if (entry === null) throw new IdentityError('unknown_device', 'no such active device');
      const revoked = { kind: 'revoked', reason: body.reason, revokedBy: head } as const;
      const devices = new Map(before.devices).set(idHex(body.device), { ...entry, state: revoked });
      return { state: { ...before, head, devices }, authority };
    }
    case 'take-over':
    case 'set-endpoints':
    case 'set-policy':
    case 'rotate-account-key':
      throw new IdentityError('unsupported_statement', `the rules of ${body.kind} are not in force in this version`);
  }
}

/** The device's entry if it is certified and not revoked; null otherwise. */
export function activeDevice(state: ChainState, device: DeviceId): DeviceEntry | null {
  const entry = state.devices.get(idHex(device));
  return entry?.state.kind === 'active' ? entry : null;
}

/** All active devices, oldest first. */
export function activeDevices(state: ChainState): DeviceEntry[] {
  return [...state.devices.values()].filter((entry) => entry.state.kind === 'active');
}

function requireSigners(statement: Statement, expected: readonly Uint8Array[]): void {
  const { signers } = statement;
  const same =
    signers.length === expected.length && expected.every((key, i) => equalBytes(key, signers[i] ?? key.slice(1)));
  if (!same) throw new IdentityError('foreign_signer', 'not signed by exactly those who must sign');
}

/** Exactly one signer: the account key, or an active device with the manage right. */
function managingSigner(before: ChainState, statement: Statement): Authority {
  const [signer, ...others] = statement.signers;
  if (signer === undefined || others.length > 0) throw new IdentityError('foreign_signer', 'exactly one signs this');
  if (equalBytes(signer, before.accountKey)) return { kind: 'account' };
  for (const entry of before.devices.values()) {
    if (!equalBytes(entry.certificate.ed25519, signer)) continue;
    if (entry.state.kind === 'revoked') throw new IdentityError('revoked_signer', 'signed by a revoked device');
    if (!entry.certificate.rights.manage) {
      throw new IdentityError('missing_right', 'signed by a device without the manage right');
    }
    return { kind: 'device', seniority: entry.certifiedBy.sequence };
  }
  throw new IdentityError('foreign_signer', 'signed by a key that this account does not have');
}

function withDevice(
  before: ChainState,
  certificate: DeviceCertificate,
  certifiedBy: Position,
): ReadonlyMap<string, DeviceEntry> {
  if (!equalBytes(certificate.accountKey, before.accountKey)) {
    throw new IdentityError('certificate', 'the certificate was made for another account');
  }
  const active = activeDevices(before).length;
  if (before.policy.devices === 'single-active' && active > 0) {
    throw new IdentityError('policy', 'this account has one active device at a time');
  }
  if (active >= MAX_ACTIVE_DEVICES) throw new IdentityError('too_large', 'too many active devices');
  const { ed25519, x25519 } = certificate;
  const keys = [before.accountKey, before.recoveryKey];
  for (const known of before.devices.values()) keys.push(known.certificate.ed25519, known.certificate.x25519);
  if (keys.some((key) => equalBytes(key, ed25519) || equalBytes(key, x25519))) {
    throw new IdentityError('known_device', 'the device or one of its keys is in the chain already');
  }
  return new Map(before.devices).set(idHex(certificate.device), {
    certificate,
    certifiedBy,
    state: { kind: 'active' },
  });
}
