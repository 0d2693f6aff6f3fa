import type { CryptoProvider } from '@sotto/crypto';
import { CIPHER_SUITES } from './cipher-suites.ts';
import { MlsError } from './error.ts';
import { memberOf } from './group/member.ts';
import type { Member } from './group/member.ts';
import type { ContentKind, Sender } from './messages/content.ts';
import { EXTENSION_TYPES, extensionOf } from './messages/extension.ts';
import type { Extension } from './messages/extension.ts';
import { keyPackageRef } from './messages/key-package.ts';
import { decodeMessage } from './messages/message.ts';
import { SuiteCrypto } from './suite.ts';

/** What a message shows to everyone. Nothing of it is verified: good for finding where it belongs, and no more. */
export type Inspected =
  | {
      readonly kind: 'private_message';
      readonly groupId: Uint8Array;
      readonly epoch: bigint;
      readonly content: ContentKind;
      readonly authenticatedData: Uint8Array;
    }
  | {
      readonly kind: 'public_message';
      readonly groupId: Uint8Array;
      readonly epoch: bigint;
      readonly content: ContentKind;
      readonly authenticatedData: Uint8Array;
      readonly sender: Sender;
    }
  /** `refs`: key packages that it is to. */
  | { readonly kind: 'welcome'; readonly cipherSuite: number; readonly refs: readonly Uint8Array[] }
  | {
      readonly kind: 'group_info';
      readonly groupId: Uint8Array;
      readonly epoch: bigint;
      readonly cipherSuite: number;
      readonly extensions: readonly Extension[];
    }
  | {
      readonly kind: 'key_package';
      readonly cipherSuite: number;
      /** KeyPackageRef, RFC 9420 §5.2. */
      readonly ref: Uint8Array;
      readonly member: Omit<Member, 'leaf'>;
      /** Whether it may be used more than once, RFC 9420 §16.8. */
      readonly isLastResort: boolean;
      readonly extensions: readonly Extension[];
    };

/** Reads an MLSMessage from outside. Throws `malformed` and the other codes of form, `unsupported_suite`. */
export function inspect(provider: CryptoProvider, bytes: Uint8Array): Inspected {
  const message = decodeMessage(bytes.slice());
  switch (message.kind) {
    case 'private_message': {
      const { groupId, epoch, contentKind, authenticatedData } = message.message;
      return { kind: message.kind, groupId, epoch, content: contentKind, authenticatedData };
    }
    case 'public_message': {
      const { groupId, epoch, content, authenticatedData, sender } = message.message.content.framed;
      return { kind: message.kind, groupId, epoch, content: content.kind, authenticatedData, sender };
    }
    case 'welcome': {
      const { cipherSuite, secrets } = message.welcome;
      return { kind: message.kind, cipherSuite, refs: secrets.map(({ newMember }) => newMember) };
    }
    case 'group_info': {
      const { groupId, epoch, cipherSuite, extensions } = message.groupInfo.context;
      return { kind: message.kind, groupId, epoch, cipherSuite, extensions };
    }
    case 'key_package': {
      const { cipherSuite, leafNode, extensions, bytes: own } = message.keyPackage;
      const suite = CIPHER_SUITES.get(cipherSuite);
      if (suite === undefined) throw new MlsError('unsupported_suite', 'a key package has a suite that is not offered');
      const ref = keyPackageRef(new SuiteCrypto(provider, suite), own);
      const { leaf: _, ...member } = memberOf(0, leafNode);
      const isLastResort = extensionOf(extensions, EXTENSION_TYPES.lastResort) !== null;
      return { kind: message.kind, cipherSuite, ref, member, isLastResort, extensions };
    }
  }
}
