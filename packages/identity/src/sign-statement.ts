import type { CryptoProvider, PrivateKey } from '@sotto/crypto';
import { signCertificate } from './certificate.ts';
import type { CertificateFields } from './certificate.ts';
import { signerOf } from './keys.ts';
import type { AccountKeys, DeviceKeys } from './keys.ts';
import { writeStatement } from './statement-codec.ts';
import type { AccountPolicy, Statement, StatementBody } from './statement.ts';
import { advance, begin } from './transition.ts';
import type { ChainState } from './view.ts';

export interface GenesisFields extends Pick<CertificateFields, 'minimumSuite' | 'rights'> {
  readonly deviceName: string;
  readonly policy: AccountPolicy;
  /** Unix ms. */
  readonly now: number;
}

/** Begins an account with its first device; signed by account and recovery key. Throws `IdentityError` `name`. */
export function signGenesis(
  crypto: CryptoProvider,
  keys: AccountKeys,
  device: DeviceKeys,
  fields: GenesisFields,
): Statement {
  const firstDevice = signCertificate(crypto, device, {
    accountKey: keys.account.publicKey,
    minimumSuite: fields.minimumSuite,
    rights: fields.rights,
    name: fields.deviceName,
    createdAt: fields.now,
  });
  const body: StatementBody = {
    kind: 'genesis',
    accountKey: keys.account.publicKey,
    recoveryKey: keys.recovery.publicKey,
    policy: fields.policy,
    firstDevice,
  };
  const signers = [signerOf(crypto, keys.account), signerOf(crypto, keys.recovery)];
  const statement = writeStatement(crypto, null, body, fields.now, signers);
  begin(statement);
  return statement;
}

/**
 * Signs the next statement on top of `state`, by a device's key or the account key. Refuses, with the code `replay`
 * would have refused it with, what would not be valid there. Sign on top of one head once: persist the result before
 * publishing it, because a second, different statement on the same head is an equivocation.
 */
export function signStatement(
  crypto: CryptoProvider,
  state: ChainState,
  signer: PrivateKey<'ed25519'>,
  body: StatementBody,
  now: number,
): Statement {
  const place = { account: state.account, sequence: state.head.sequence + 1, previous: state.head.hash };
  const statement = writeStatement(crypto, place, body, now, [signerOf(crypto, signer)]);
  advance(state, statement);
  return statement;
}
