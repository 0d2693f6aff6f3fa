import { toBinary } from '@bufbuild/protobuf';
import { AddressesSchema } from '@sotto/wire';
import type { Addresses } from '@sotto/wire';

/**
 * Which of two lists of addresses stands: the later revision. Two own devices that did not know of each other may have
 * made the same one; then the same list wins everywhere, at the contact as at both of them.
 */
export function outranks(one: Addresses, other: Addresses | undefined): boolean {
  if (other === undefined) return true;
  if (one.revision !== other.revision) return one.revision > other.revision;
  return Buffer.compare(toBinary(AddressesSchema, one), toBinary(AddressesSchema, other)) > 0;
}
