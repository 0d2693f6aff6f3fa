import { decodeWhole, Reader } from '../../../packages/mls/src/codec/reader.ts';
import { encode, Writer } from '../../../packages/mls/src/codec/writer.ts';
import { readCommit, writeCommit } from '../../../packages/mls/src/messages/commit.ts';
import { readExtensions, writeExtensions } from '../../../packages/mls/src/messages/extension.ts';
import { decodeMessage, encodeMessage } from '../../../packages/mls/src/messages/message.ts';
import { readProposal, writeProposal } from '../../../packages/mls/src/messages/proposal.ts';
import { readLeafNode } from '../../../packages/mls/src/messages/leaf-node.ts';
import { readKeyPackage } from '../../../packages/mls/src/messages/key-package.ts';
import { encodeGroupSecrets, readGroupSecrets } from '../../../packages/mls/src/messages/welcome.ts';
import { readNode, writeNode } from '../../../packages/mls/src/tree/node.ts';
import { readPskId, writePskId } from '../../../packages/mls/src/messages/psk.ts';
import { bytesAt, numberAt } from '../fields.ts';
import type { Fields } from '../fields.ts';
import { compare } from '../outcome.ts';
import type { Difference } from '../outcome.ts';

/** Variable-size vector headers. */
export function deserialization(fields: Fields): Difference {
  const header = bytesAt(fields, 'vlbytes_header');
  const length = numberAt(fields, 'length');
  const reader = new Reader(header);
  if (reader.length() !== length) return 'the length differs';
  reader.end();
  return compare('header', new Writer(4).length(length).finish(), header);
}

/** Every structure decodes to its end and encodes to the same bytes. */
export function messages(fields: Fields): Difference {
  return (
    ['mls_welcome', 'mls_group_info', 'mls_key_package', 'public_message_application', 'public_message_proposal']
      .concat(['public_message_commit', 'private_message'])
      .map((name) => again(fields, name, (bytes) => encodeMessage(decodeMessage(bytes))))
      .find((difference) => difference !== null) ??
    again(fields, 'ratchet_tree', (bytes) => {
      const nodes = decodeWhole(bytes, (reader) => reader.list((inner) => inner.optional(readNode)));
      return new Writer().list(nodes, (inner, node) => inner.optional(node, writeNode)).finish();
    }) ??
    again(fields, 'group_secrets', (bytes) => encodeGroupSecrets(decodeWhole(bytes, readGroupSecrets)).reveal()) ??
    again(fields, 'commit', (bytes) => encode(decodeWhole(bytes, readCommit), writeCommit)) ??
    proposals(fields)
  );
}

/** Proposals stand in the file without their type. */
function proposals(fields: Fields): Difference {
  return (
    again(fields, 'add_proposal', (bytes) => body({ kind: 'add', keyPackage: decodeWhole(bytes, readKeyPackage) })) ??
    again(fields, 'update_proposal', (bytes) => body({ kind: 'update', leafNode: decodeWhole(bytes, readLeafNode) })) ??
    again(fields, 'remove_proposal', (bytes) =>
      body({ kind: 'remove', leaf: decodeWhole(bytes, (reader) => reader.uint32()) }),
    ) ??
    again(fields, 'pre_shared_key_proposal', (bytes) => encode(decodeWhole(bytes, readPskId), writePskId)) ??
    again(fields, 're_init_proposal', (bytes) => body(typed(5, bytes))) ??
    again(fields, 'external_init_proposal', (bytes) => body(typed(6, bytes))) ??
    again(fields, 'group_context_extensions_proposal', (bytes) =>
      encode(decodeWhole(bytes, readExtensions), writeExtensions),
    )
  );
}

type AnyProposal = ReturnType<typeof readProposal>;

function typed(type: number, bytes: Uint8Array): AnyProposal {
  return decodeWhole(new Writer().uint16(type).raw(bytes).finish(), readProposal);
}

function body(proposal: AnyProposal): Uint8Array {
  return encode(proposal, writeProposal).subarray(2);
}

function again(fields: Fields, name: string, run: (bytes: Uint8Array) => Uint8Array): Difference {
  const bytes = bytesAt(fields, name);
  return compare(name, run(bytes), bytes);
}
