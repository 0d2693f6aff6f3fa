import { fromBinary } from '@bufbuild/protobuf';
import { decodeEnvelope, PostRequestSchema, PostStreamRequestSchema } from '@sotto/wire';
import { splitMessages } from '../../tools/tap/http-flow.ts';
import type { TappedConnection } from '../../tools/tap/tap.ts';

/** What one key identifier was used for, as far as it ever reached a socket. */
export interface KeyUse {
  /** The 8-byte tag, hex: it follows from the session's header key and the message number, like the message key. */
  readonly tag: string;
  /** Ciphertexts that differ. More than one is the fault that must never happen. */
  readonly ciphertexts: number;
  /** How often it was posted. */
  readonly posts: number;
}

const TAG_BYTES = 8;

/**
 * Every key identifier that was posted, and how many different ciphertexts came with it. A post that was cut off by a
 * crash counts too: what of it reached the socket must agree with the whole one.
 */
export function keyUses(connections: readonly TappedConnection[]): KeyUse[] {
  const bodies = connections.flatMap(({ requests }) =>
    requests
      .filter(({ headers }) =>
        headers.some(([name, value]) => name === ':path' && value.includes('/sotto.gateway.v1.PostService/')),
      )
      .map(({ headers, body }) => ({ body, stream: headers.some(([, value]) => value.endsWith('/PostStream')) })),
  );
  const sealed = bodies.flatMap(({ body, stream }) => (stream ? streamed(body) : single(body)));
  const uses = new Map<string, Set<string>>();
  for (const bytes of sealed) {
    const tag = Buffer.from(bytes.subarray(0, TAG_BYTES)).toString('hex');
    let known = uses.get(tag);
    if (known === undefined) uses.set(tag, (known = new Set()));
    known.add(Buffer.from(bytes).toString('latin1'));
  }
  return Array.from(uses, ([tag, ciphertexts]) => {
    const [whole = ''] = ciphertexts;
    const needle = Buffer.from(tag, 'hex');
    let posts = 0;
    let differing = ciphertexts.size;
    for (const { body } of bodies) {
      for (let at = body.indexOf(needle); at !== -1; at = body.indexOf(needle, at + 1)) {
        posts++;
        const seen = body.subarray(at, at + whole.length).toString('latin1');
        if (ciphertexts.size === 1 && seen !== whole.slice(0, seen.length)) differing++;
      }
    }
    return { tag, ciphertexts: differing, posts };
  });
}

function streamed(body: Buffer): Uint8Array[] {
  return splitMessages(body)
    .filter(({ flags }) => flags === 0)
    .flatMap(({ message }) =>
      fromBinary(PostStreamRequestSchema, message).posts.map(
        ({ post }) => decodeEnvelope(post?.envelope ?? new Uint8Array()).sealed,
      ),
    );
}

function single(body: Buffer): Uint8Array[] {
  return body.length === 0 ? [] : [decodeEnvelope(fromBinary(PostRequestSchema, body).envelope).sealed];
}
