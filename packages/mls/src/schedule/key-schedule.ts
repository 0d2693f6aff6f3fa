import type { Bytes, PrivateKey, Secret } from '@sotto/crypto';
import type { SuiteCrypto } from '../suite.ts';

/** The secrets of an epoch that outlive its making, RFC 9420 §8. */
export interface EpochSecrets {
  readonly senderData: Secret;
  readonly exporter: Secret;
  readonly external: Secret;
  readonly confirmation: Secret;
  readonly membership: Secret;
  readonly resumption: Secret;
  readonly authenticator: Secret;
  readonly init: Secret;
}

/** With the root of the secret tree, which is used up. */
export interface NewEpochSecrets extends EpochSecrets {
  readonly encryption: Secret;
}

/** joiner_secret, RFC 9420 §8. */
export function joinerSecret(
  crypto: SuiteCrypto,
  input: { readonly init: Bytes; readonly commit: Bytes; readonly context: Uint8Array },
): Secret {
  using intermediate = crypto.extract(input.init, input.commit);
  return crypto.expandWithLabel(intermediate, 'joiner', input.context, crypto.hashSize);
}

/** welcome_secret. */
export function welcomeSecret(crypto: SuiteCrypto, joiner: Bytes, psk: Bytes): Secret {
  using intermediate = crypto.extract(joiner, psk);
  return crypto.deriveSecret(intermediate, 'welcome');
}

/** Everything from epoch_secret on. */
export function epochSecrets(crypto: SuiteCrypto, joiner: Bytes, psk: Bytes, context: Uint8Array): NewEpochSecrets {
  using intermediate = crypto.extract(joiner, psk);
  using epoch = crypto.expandWithLabel(intermediate, 'epoch', context, crypto.hashSize);
  return secretsOf(crypto, epoch);
}

/** From epoch_secret itself: a new group's is random, RFC 9420 §11. */
export function secretsOf(crypto: SuiteCrypto, epoch: Bytes): NewEpochSecrets {
  return {
    senderData: crypto.deriveSecret(epoch, 'sender data'),
    encryption: crypto.deriveSecret(epoch, 'encryption'),
    exporter: crypto.deriveSecret(epoch, 'exporter'),
    external: crypto.deriveSecret(epoch, 'external'),
    confirmation: crypto.deriveSecret(epoch, 'confirm'),
    membership: crypto.deriveSecret(epoch, 'membership'),
    resumption: crypto.deriveSecret(epoch, 'resumption'),
    authenticator: crypto.deriveSecret(epoch, 'authentication'),
    init: crypto.deriveSecret(epoch, 'init'),
  };
}

/** MLS-Exporter, RFC 9420 §8.5. */
export function exportSecret(
  crypto: SuiteCrypto,
  exporter: Bytes,
  label: string,
  context: Uint8Array,
  length: number,
): Secret {
  using derived = crypto.deriveSecret(exporter, label);
  return crypto.expandWithLabel(derived, 'exported', crypto.hash(context), length);
}

/** The key pair that external joiners encapsulate to, RFC 9420 §8.3. */
export function externalKey(crypto: SuiteCrypto, external: Bytes): PrivateKey {
  return crypto.deriveKeyPair(external);
}

/** Key and nonce of a Welcome's group info, RFC 9420 §12.4.3.1. */
export function welcomeKey(crypto: SuiteCrypto, welcome: Bytes): { readonly key: Secret; readonly nonce: Secret } {
  const none = new Uint8Array(0);
  return {
    key: crypto.expandWithLabel(welcome, 'key', none, crypto.keySize),
    nonce: crypto.expandWithLabel(welcome, 'nonce', none, crypto.nonceSize),
  };
}

export function wipeEpochSecrets(secrets: EpochSecrets): void {
  for (const secret of Object.values(secrets) as Secret[]) secret.dispose();
}
