import type { CryptoProvider } from '@sotto/crypto';
import { Secret } from '@sotto/crypto';
import { Records } from '../../../packages/mls/src/group/records.ts';
import { TreeStore } from '../../../packages/mls/src/group/tree-store.ts';
import { senderDataKey } from '../../../packages/mls/src/framing/private.ts';
import { decodeAuthenticatedContent } from '../../../packages/mls/src/messages/authenticated.ts';
import { encodeGroupContext } from '../../../packages/mls/src/messages/group-context.ts';
import {
  epochSecrets,
  exportSecret,
  externalKey,
  joinerSecret,
  welcomeSecret,
} from '../../../packages/mls/src/schedule/key-schedule.ts';
import { pskSecret } from '../../../packages/mls/src/schedule/psk-secret.ts';
import { SecretTree } from '../../../packages/mls/src/schedule/secret-tree.ts';
import {
  confirmationTag,
  confirmedTranscriptHash,
  interimTranscriptHash,
} from '../../../packages/mls/src/schedule/transcript.ts';
import type { SuiteCrypto } from '../../../packages/mls/src/suite.ts';
import { bytesAt, fieldsOf, listOf, numberAt, textAt } from '../fields.ts';
import type { Fields } from '../fields.ts';
import { compare } from '../outcome.ts';
import type { Difference } from '../outcome.ts';
import { suiteOf } from './suite.ts';

export function keySchedule(fields: Fields, provider: CryptoProvider): Difference {
  const crypto = suiteOf(fields, provider);
  let init = bytesAt(fields, 'initial_init_secret');
  for (const [index, epoch] of listOf(fields['epochs']).entries()) {
    const context = encodeGroupContext({
      version: 1,
      cipherSuite: crypto.suite.id,
      groupId: bytesAt(fields, 'group_id'),
      epoch: BigInt(index),
      treeHash: bytesAt(epoch, 'tree_hash'),
      confirmedTranscriptHash: bytesAt(epoch, 'confirmed_transcript_hash'),
      extensions: [],
    });
    const joiner = joinerSecret(crypto, { init, commit: bytesAt(epoch, 'commit_secret'), context });
    const psk = bytesAt(epoch, 'psk_secret');
    const secrets = epochSecrets(crypto, joiner, psk, context);
    const exporter = fieldsOf(epoch['exporter']);
    const exported = exportSecret(
      crypto,
      secrets.exporter,
      textAt(exporter, 'label'),
      bytesAt(exporter, 'context'),
      numberAt(exporter, 'length'),
    );
    const difference =
      compare('group_context', context, bytesAt(epoch, 'group_context')) ??
      compare('joiner_secret', joiner.reveal(), bytesAt(epoch, 'joiner_secret')) ??
      compare('welcome_secret', welcomeSecret(crypto, joiner, psk).reveal(), bytesAt(epoch, 'welcome_secret')) ??
      compare('init_secret', secrets.init.reveal(), bytesAt(epoch, 'init_secret')) ??
      compare('sender_data_secret', secrets.senderData.reveal(), bytesAt(epoch, 'sender_data_secret')) ??
      compare('encryption_secret', secrets.encryption.reveal(), bytesAt(epoch, 'encryption_secret')) ??
      compare('exporter_secret', secrets.exporter.reveal(), bytesAt(epoch, 'exporter_secret')) ??
      compare('epoch_authenticator', secrets.authenticator.reveal(), bytesAt(epoch, 'epoch_authenticator')) ??
      compare('external_secret', secrets.external.reveal(), bytesAt(epoch, 'external_secret')) ??
      compare('confirmation_key', secrets.confirmation.reveal(), bytesAt(epoch, 'confirmation_key')) ??
      compare('membership_key', secrets.membership.reveal(), bytesAt(epoch, 'membership_key')) ??
      compare('resumption_psk', secrets.resumption.reveal(), bytesAt(epoch, 'resumption_psk')) ??
      compare('external_pub', externalKey(crypto, secrets.external).publicKey, bytesAt(epoch, 'external_pub')) ??
      compare('exporter', exported.reveal(), bytesAt(exporter, 'secret'));
    if (difference !== null) return `epoch ${index}: ${difference}`;
    init = secrets.init.reveal();
  }
  return null;
}

export function pskSecrets(fields: Fields, provider: CryptoProvider): Difference {
  const crypto = suiteOf(fields, provider);
  const psks = listOf(fields['psks']).map((psk) => ({
    id: { kind: 'external', id: bytesAt(psk, 'psk_id'), nonce: bytesAt(psk, 'psk_nonce') } as const,
    secret: bytesAt(psk, 'psk'),
  }));
  return compare('psk_secret', pskSecret(crypto, psks).reveal(), bytesAt(fields, 'psk_secret'));
}

export function transcriptHashes(fields: Fields, provider: CryptoProvider): Difference {
  const crypto = suiteOf(fields, provider);
  const content = decodeAuthenticatedContent(bytesAt(fields, 'authenticated_content'));
  const before = bytesAt(fields, 'interim_transcript_hash_before');
  const confirmed = confirmedTranscriptHash(crypto, before, content, content.auth.signature);
  const tag = confirmationTag(crypto, bytesAt(fields, 'confirmation_key'), confirmed);
  return (
    compare('confirmed_transcript_hash', confirmed, bytesAt(fields, 'confirmed_transcript_hash_after')) ??
    compare('confirmation_tag', tag, content.auth.confirmationTag ?? new Uint8Array(0)) ??
    compare(
      'interim_transcript_hash',
      interimTranscriptHash(crypto, confirmed, tag),
      bytesAt(fields, 'interim_transcript_hash_after'),
    )
  );
}

export function secretTree(fields: Fields, provider: CryptoProvider): Difference {
  const crypto = suiteOf(fields, provider);
  const data = fieldsOf(fields['sender_data']);
  const sender = senderDataKey(crypto, bytesAt(data, 'sender_data_secret'), bytesAt(data, 'ciphertext'));
  const leaves = fields['leaves'];
  if (!Array.isArray(leaves)) throw new Error('field leaves is not a list');
  const tree = secretTreeFrom(crypto, bytesAt(fields, 'encryption_secret'), leaves.length);
  return (
    compare('sender data key', sender.key.reveal(), bytesAt(data, 'key')) ??
    compare('sender data nonce', sender.nonce.reveal(), bytesAt(data, 'nonce')) ??
    leaves
      .flatMap((generations, leaf) => listOf(generations).map((entry) => generation(tree, leaf, entry)))
      .find((difference) => difference !== null) ??
    null
  );
}

/** Keys are taken in the file's order of generations, each consumed. */
function generation(tree: SecretTree, leaf: number, entry: Fields): Difference {
  for (const kind of ['application', 'handshake'] as const) {
    const { key, consume } = tree.key(leaf, kind, numberAt(entry, 'generation'));
    const difference =
      compare(`${kind} key of leaf ${leaf}`, key.key.reveal(), bytesAt(entry, `${kind}_key`)) ??
      compare(`${kind} nonce of leaf ${leaf}`, key.nonce.reveal(), bytesAt(entry, `${kind}_nonce`));
    if (difference !== null) return difference;
    consume();
  }
  return null;
}

/** A secret tree in memory with room for at least `leaves`, which keeps as far as a vector file goes. */
export function secretTreeFrom(crypto: SuiteCrypto, encryptionSecret: Uint8Array, leaves: number): SecretTree {
  const width = 2 ** Math.ceil(Math.log2(leaves));
  const store = new TreeStore('', new Records(), false);
  store.setNode(width - 1, Secret.copy(encryptionSecret));
  return new SecretTree(crypto, width, store, { maxGenerationJump: 1000, skippedKeys: 256 });
}
