import type { Carried } from '@sotto/wire';
import type { MessageInitShape } from '@bufbuild/protobuf';
import type { CarriedSchema } from '@sotto/wire';

/** How bytes that belong to a content travel when they are too many for it. */
export interface Carrier {
  /** Ready to be written into a content; in a blob unless `inline`. Throws `GatewayApiError`. */
  carry(bytes: Uint8Array, inline: boolean, signal: AbortSignal): Promise<MessageInitShape<typeof CarriedSchema>>;
  /** Null: they are not to be had (any more). Throws `GatewayApiError`. */
  fetch(pointer: Carried['blob'], signal: AbortSignal): Promise<Uint8Array | null>;
}
