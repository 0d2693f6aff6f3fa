import type { CryptoProvider } from '@sotto/crypto';
import { decodeWhole } from '../../../packages/mls/src/codec/reader.ts';
import { encode } from '../../../packages/mls/src/codec/writer.ts';
import { openPrivate, protectPrivate } from '../../../packages/mls/src/framing/private.ts';
import {
  protectPublic,
  requireMembership,
  signContent,
  verifyContent,
  withTag,
} from '../../../packages/mls/src/framing/public.ts';
import type { WireFormat } from '../../../packages/mls/src/messages/authenticated.ts';
import { readCommit } from '../../../packages/mls/src/messages/commit.ts';
import { writeContent } from '../../../packages/mls/src/messages/content.ts';
import type { Content } from '../../../packages/mls/src/messages/content.ts';
import { encodeGroupContext } from '../../../packages/mls/src/messages/group-context.ts';
import { decodeMessage, encodeMessage } from '../../../packages/mls/src/messages/message.ts';
import { readProposal } from '../../../packages/mls/src/messages/proposal.ts';
import type { SuiteCrypto } from '../../../packages/mls/src/suite.ts';
import { bytesAt, numberAt } from '../fields.ts';
import type { Fields } from '../fields.ts';
import { compare } from '../outcome.ts';
import type { Difference } from '../outcome.ts';
import { secretTreeFrom } from './schedule.ts';
import { privateKeyAt, suiteOf } from './suite.ts';

const SENDER = 1;

/** Opens the file's messages, and seals its contents and opens them again. */
export function messageProtection(fields: Fields, provider: CryptoProvider): Difference {
  const crypto = suiteOf(fields, provider);
  const run = new Protection(crypto, fields);
  const proposal: Content = { kind: 'proposal', proposal: decodeWhole(bytesAt(fields, 'proposal'), readProposal) };
  const commit: Content = { kind: 'commit', commit: decodeWhole(bytesAt(fields, 'commit'), readCommit) };
  const application: Content = { kind: 'application', data: bytesAt(fields, 'application') };
  return (
    run.check('proposal', proposal, 'proposal_pub') ??
    run.check('proposal', proposal, 'proposal_priv') ??
    run.check('commit', commit, 'commit_pub') ??
    run.check('commit', commit, 'commit_priv') ??
    run.check('application', application, 'application_priv')
  );
}

class Protection {
  readonly #crypto: SuiteCrypto;
  readonly #fields: Fields;
  readonly #context: Uint8Array;

  constructor(crypto: SuiteCrypto, fields: Fields) {
    this.#crypto = crypto;
    this.#fields = fields;
    this.#context = encodeGroupContext({
      version: 1,
      cipherSuite: crypto.suite.id,
      groupId: bytesAt(fields, 'group_id'),
      epoch: BigInt(numberAt(fields, 'epoch')),
      treeHash: bytesAt(fields, 'tree_hash'),
      confirmedTranscriptHash: bytesAt(fields, 'confirmed_transcript_hash'),
      extensions: [],
    });
  }

  check(what: string, content: Content, name: string): Difference {
    const format = name.endsWith('_pub') ? 'public_message' : 'private_message';
    for (const bytes of [bytesAt(this.#fields, name), this.#protect(content, format)]) {
      const opened = this.#open(bytes);
      // A commit in a file has no confirmation tag of its own schedule: contents are compared without it.
      const difference = compare(what, encode(opened, writeContent), encode(content, writeContent));
      if (difference !== null) return `${name}: ${difference}`;
    }
    return null;
  }

  #protect(content: Content, format: WireFormat): Uint8Array {
    const crypto = this.#crypto;
    const framed = {
      groupId: bytesAt(this.#fields, 'group_id'),
      epoch: BigInt(numberAt(this.#fields, 'epoch')),
      sender: { kind: 'member', leaf: SENDER },
      authenticatedData: new Uint8Array(0),
      content,
    } as const;
    const signer = crypto.importSigner(privateKeyAt(this.#fields, 'signature_priv', crypto, 'signature'));
    const signed = signContent(crypto, signer, format, framed, this.#context);
    const authenticated = withTag(signed, content.kind === 'commit' ? crypto.zero() : null);
    if (format === 'public_message') {
      const key = bytesAt(this.#fields, 'membership_key');
      const message = protectPublic(crypto, authenticated, key, this.#context);
      return encodeMessage({ kind: format, message });
    }
    const message = protectPrivate(crypto, authenticated, {
      leaf: SENDER,
      tree: secretTreeFrom(crypto, bytesAt(this.#fields, 'encryption_secret'), 2),
      senderDataSecret: bytesAt(this.#fields, 'sender_data_secret'),
      padding: () => 7,
    });
    return encodeMessage({ kind: format, message });
  }

  #open(bytes: Uint8Array): Content {
    const crypto = this.#crypto;
    const verifier = crypto.importVerifier(bytesAt(this.#fields, 'signature_pub'));
    const message = decodeMessage(bytes);
    if (message.kind === 'public_message') {
      requireMembership(crypto, message.message, bytesAt(this.#fields, 'membership_key'), this.#context);
      verifyContent(crypto, verifier, message.message.content, this.#context);
      return message.message.content.framed.content;
    }
    if (message.kind !== 'private_message') throw new Error('neither a public nor a private message');
    const { content } = openPrivate(crypto, message.message, {
      tree: secretTreeFrom(crypto, bytesAt(this.#fields, 'encryption_secret'), 2),
      senderDataSecret: bytesAt(this.#fields, 'sender_data_secret'),
      requireSender: () => {},
    });
    verifyContent(crypto, verifier, content, this.#context);
    return content.framed.content;
  }
}
