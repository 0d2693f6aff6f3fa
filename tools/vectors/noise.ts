import type { CryptoProvider } from '@sotto/crypto';
import { readNoise, splitNoise, startNoise, writeNoise } from '../../packages/ratchet/src/noise/handshake.ts';
import type { NoiseHandshake, NoiseRole } from '../../packages/ratchet/src/noise/handshake.ts';
import { noisePattern } from '../../packages/ratchet/src/noise/patterns.ts';
import { vectorSuite } from './noise-suites.ts';
import type { VectorSuite } from './noise-suites.ts';
import type { VectorCase, VectorRunner } from './runner.ts';

/**
 * Noise revision 34 in the format of the Noise wiki's test vectors, as cacophony and snow publish them: both sides run,
 * and every message, the handshake hash and the transport must match.
 */
export const noise: VectorRunner = {
  name: 'Noise',
  recognises: (fileName) => /^(?:cacophony|snow|noise)\b.*\.(?:json|txt)$/i.test(fileName),
  *run(json, provider) {
    for (const [index, vector] of vectorsOf(json).entries()) {
      yield runCase(vector, `#${index} ${vector.protocol_name ?? vector.name ?? ''}`, provider);
    }
  },
};

type Side = 'init' | 'resp';
type Texts = { readonly [Field in `${Side}_${'prologue' | 'static' | 'ephemeral' | 'remote_static'}`]?: string };
type Lists = { readonly [Field in `${Side}_psks`]?: readonly string[] };

interface Vector extends Texts, Lists {
  readonly protocol_name?: string;
  /** Older files call it so. */
  readonly name?: string;
  readonly handshake_hash?: string;
  readonly messages: readonly { readonly payload: string; readonly ciphertext: string }[];
}

function vectorsOf(json: unknown): readonly Vector[] {
  const vectors = (json as { vectors?: unknown } | null)?.vectors;
  if (!Array.isArray(vectors)) throw new Error('not a file of Noise vectors');
  return vectors as Vector[];
}

function runCase(vector: Vector, name: string, provider: CryptoProvider): VectorCase {
  const [, patternName = '', dh = '', cipher = '', hash = ''] = (vector.protocol_name ?? vector.name ?? '').split('_');
  const suite = vectorSuite(provider, dh, cipher, hash);
  if (suite === null) return { name, outcome: 'skipped', reason: [dh, cipher, hash].join(' ') };
  try {
    const difference = firstDifference(vector, patternName, suite);
    return difference === null ? { name, outcome: 'passed' } : { name, outcome: 'failed', reason: difference };
  } catch (error) {
    return { name, outcome: 'failed', reason: String(error) };
  }
}

function firstDifference(vector: Vector, patternName: string, suite: VectorSuite): string | null {
  let initiator: NoiseHandshake = start(vector, patternName, 'initiator', suite);
  let responder: NoiseHandshake = start(vector, patternName, 'responder', suite);
  const handshakeMessages = noisePattern(patternName).messages.length;
  for (const [i, { payload, ciphertext }] of vector.messages.slice(0, handshakeMessages).entries()) {
    const [writer, reader] = i % 2 === 0 ? [initiator, responder] : [responder, initiator];
    const written = writeNoise(writer, fromHex(payload));
    if (toHex(written.message) !== ciphertext) return `handshake message ${i} differs`;
    const read = readNoise(reader, written.message);
    if (toHex(read.payload) !== payload) return `payload ${i} differs`;
    [initiator, responder] = i % 2 === 0 ? [written.next, read.next] : [read.next, written.next];
  }
  if (initiator.kind !== 'complete' || responder.kind !== 'complete') return 'too few messages';
  for (const side of [initiator, responder]) {
    if (vector.handshake_hash !== undefined && toHex(side.handshakeHash) !== vector.handshake_hash) {
      return 'handshake hash differs';
    }
  }
  const ends = [splitNoise(initiator), splitNoise(responder)] as const;
  for (const [i, { payload, ciphertext }] of [...vector.messages.entries()].slice(handshakeMessages)) {
    // In one-way patterns only the initiator goes on sending.
    const [from, to] = handshakeMessages === 1 || i % 2 === 0 ? [ends[0], ends[1]] : [ends[1], ends[0]];
    const sealed = from.send.encrypt(fromHex(payload));
    if (toHex(sealed) !== ciphertext) return `transport message ${i} differs`;
    if (toHex(to.receive.decrypt(sealed)) !== payload) return `transport payload ${i} differs`;
  }
  return null;
}

function start(vector: Vector, patternName: string, role: NoiseRole, { suite, importKey }: VectorSuite) {
  const side = role === 'initiator' ? 'init' : 'resp';
  const { preMessage } = noisePattern(patternName);
  const peerKnown = role === 'initiator' ? preMessage.responder : preMessage.initiator;
  const own = vector[`${side}_static`];
  const peer = vector[`${side}_remote_static`];
  const ephemeral = vector[`${side}_ephemeral`];
  const common = {
    suite: { ...suite, generate: () => importKey(fromHex(ephemeral ?? '')) },
    pattern: patternName,
    prologue: fromHex(vector[`${side}_prologue`] ?? ''),
    ...(own === undefined ? {} : { own: importKey(fromHex(own)) }),
    ...(peer === undefined || !peerKnown ? {} : { peer: fromHex(peer) }),
    psks: (vector[`${side}_psks`] ?? []).map(fromHex),
  };
  return role === 'initiator' ? startNoise({ ...common, role }) : startNoise({ ...common, role });
}

const fromHex = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, 'hex'));
const toHex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
