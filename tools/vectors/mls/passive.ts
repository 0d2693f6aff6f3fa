import { Secret } from '@sotto/crypto';
import type { CryptoProvider } from '@sotto/crypto';
import { Client } from '@sotto/mls';
import type { AuthenticationService } from '@sotto/mls';
import { decodeWhole } from '../../../packages/mls/src/codec/reader.ts';
import { KeyPackageBundle } from '../../../packages/mls/src/key-package-bundle.ts';
import { verifyGroupInfo, decodeGroupInfo } from '../../../packages/mls/src/messages/group-info.ts';
import { decodeMessage } from '../../../packages/mls/src/messages/message.ts';
import type { KeyPackage } from '../../../packages/mls/src/messages/key-package.ts';
import { readGroupSecrets } from '../../../packages/mls/src/messages/welcome.ts';
import { pskSecret } from '../../../packages/mls/src/schedule/psk-secret.ts';
import { epochSecrets, welcomeKey, welcomeSecret } from '../../../packages/mls/src/schedule/key-schedule.ts';
import { confirmationTag } from '../../../packages/mls/src/schedule/transcript.ts';
import { encodeGroupContext } from '../../../packages/mls/src/messages/group-context.ts';
import { keyPackageRef } from '../../../packages/mls/src/messages/key-package.ts';
import { bytesAt, listOf, numberAt, optionalBytesAt } from '../fields.ts';
import type { Fields } from '../fields.ts';
import { compare } from '../outcome.ts';
import type { Difference } from '../outcome.ts';
import { privateKeyAt, suiteOf } from './suite.ts';

const EVERYONE: AuthenticationService = { accepts: () => true, succeeds: () => true };

/** Joins by the Welcome and follows every commit of a member who never sends. */
export function passiveClient(fields: Fields, provider: CryptoProvider): Difference {
  const crypto = suiteOf(fields, provider);
  const bundle = new KeyPackageBundle(crypto, keyPackageIn(fields), {
    initKey: crypto.importKey(privateKeyAt(fields, 'init_priv', crypto, 'encryption')),
    leafKey: crypto.importKey(privateKeyAt(fields, 'encryption_priv', crypto, 'encryption')),
    signer: crypto.importSigner(privateKeyAt(fields, 'signature_priv', crypto, 'signature')),
  });
  const psks = new Map(
    listOf(fields['external_psks']).map((psk) => [key(bytesAt(psk, 'psk_id')), Secret.copy(bytesAt(psk, 'psk'))]),
  );
  const { leafNode } = bundle.keyPackage;
  const client = new Client({
    provider,
    cipherSuite: numberAt(fields, 'cipher_suite'),
    identity: { credential: leafNode.credential, signer: bundle.keys.signer },
    authentication: EVERYONE,
    now: () => withinLifetime(bundle.keyPackage),
    psks: { external: (id) => psks.get(key(id)) ?? null },
    // Files were made over years, and their lifetimes with them.
    policy: { clockSkew: 2 ** 40, maxLifetime: Infinity },
  });
  const tree = optionalBytesAt(fields, 'ratchet_tree');
  const { group } = client.join({
    welcome: bytesAt(fields, 'welcome'),
    keyPackages: [bundle],
    ...(tree === null ? {} : { ratchetTree: tree }),
  });
  const joined = compare(
    'initial_epoch_authenticator',
    group.epochAuthenticator,
    bytesAt(fields, 'initial_epoch_authenticator'),
  );
  if (joined !== null) return joined;
  for (const [index, epoch] of listOf(fields['epochs']).entries()) {
    const proposals = epoch['proposals'];
    if (!Array.isArray(proposals)) throw new Error('field proposals is not a list');
    for (const proposal of proposals) group.process(bytesAt({ proposal }, 'proposal'));
    group.process(bytesAt(epoch, 'commit'));
    const difference = compare('authenticator', group.epochAuthenticator, bytesAt(epoch, 'epoch_authenticator'));
    if (difference !== null) return `epoch ${index}: ${difference}`;
  }
  return null;
}

/** The Welcome's secrets and signature, by a signer that the file names. */
export function welcome(fields: Fields, provider: CryptoProvider): Difference {
  const crypto = suiteOf(fields, provider);
  const keyPackage = keyPackageIn(fields);
  const message = decodeMessage(bytesAt(fields, 'welcome'));
  if (message.kind !== 'welcome') return 'not a welcome';
  const ref = keyPackageRef(crypto, keyPackage.bytes);
  const entry = message.welcome.secrets.find(({ newMember }) => key(newMember) === key(ref));
  if (entry === undefined) return 'the welcome is not to the key package';
  const init = crypto.importKey(privateKeyAt(fields, 'init_priv', crypto, 'encryption'));
  const { encryptedGroupInfo } = message.welcome;
  const opened = crypto.decrypt(init, 'Welcome', encryptedGroupInfo, entry.encryptedGroupSecrets);
  if (opened === null) return 'the group secrets do not open';
  const secrets = decodeWhole(opened, readGroupSecrets);
  const none = pskSecret(crypto, []);
  const keys = welcomeKey(crypto, welcomeSecret(crypto, secrets.joinerSecret, none));
  const bytes = crypto.open(keys.key, keys.nonce.reveal(), encryptedGroupInfo, new Uint8Array(0));
  if (bytes === null) return 'the group info does not open';
  const info = decodeGroupInfo(bytes);
  verifyGroupInfo(crypto, crypto.importVerifier(bytesAt(fields, 'signer_pub')), info);
  const context = encodeGroupContext(info.context);
  const { confirmation } = epochSecrets(crypto, secrets.joinerSecret, none, context);
  const tag = confirmationTag(crypto, confirmation, info.context.confirmedTranscriptHash);
  return compare('confirmation_tag', tag, info.confirmationTag);
}

function keyPackageIn(fields: Fields): KeyPackage {
  const message = decodeMessage(bytesAt(fields, 'key_package'));
  if (message.kind !== 'key_package') throw new Error('not a key package');
  return message.keyPackage;
}

function withinLifetime({ leafNode }: KeyPackage): number {
  return leafNode.source.kind === 'key_package' ? Number(leafNode.source.lifetime.notBefore) * 1000 : 0;
}

function key(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
