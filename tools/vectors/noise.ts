import type { CryptoProvider } from '@sotto/crypto';
import { readNoise, splitNoise, startNoise, writeNoise } from '../../packages/ratchet/src/noise/handshake.ts';
import type { NoiseHandshake, NoiseRole } from '../../packages/ratchet/src/noise/handshake.ts';
import { noisePattern } from '../../packages/ratchet/src/noise/patterns.ts';
import { bytesAt, fieldsOf, labelAt, listOf, optionalBytesAt } from './fields.ts';
import type { Fields } from './fields.ts';
import { vectorSuite } from './noise-suites.ts';
import type { VectorSuite } from './noise-suites.ts';
import { compare, NotOffered, outcomeOf } from './outcome.ts';
import type { Difference } from './outcome.ts';
import type { VectorRunner } from './runner.ts';

/**
 * Noise revision 34 in the format of the Noise wiki's test vectors, as cacophony and snow publish them: both sides run,
 * and every message, the handshake hash and the transport must match.
 */
export const noise: VectorRunner = {
  name: 'Noise',
  recognises: (fileName) => /^(?:cacophony|snow|noise)\b.*\.(?:json|txt)$/i.test(fileName),
  async *run(json, provider) {
    for (const [index, vector] of listOf(fieldsOf(json)['vectors']).entries()) {
      const protocol = labelAt(vector, 'protocol_name') || labelAt(vector, 'name');
      yield await outcomeOf(`#${index} ${protocol}`, () => check(vector, protocol, provider));
    }
  },
};

function check(vector: Fields, protocol: string, provider: CryptoProvider): Difference {
  const [, pattern = '', dh = '', cipher = '', hash = ''] = protocol.split('_');
  const suite = vectorSuite(provider, dh, cipher, hash);
  if (suite === null) throw new NotOffered([dh, cipher, hash].join(' '));
  const messages = listOf(vector['messages']).map((message) => ({
    payload: bytesAt(message, 'payload'),
    ciphertext: bytesAt(message, 'ciphertext'),
  }));
  const handshakeLength = noisePattern(pattern).messages.length;
  let initiator: NoiseHandshake = start(vector, pattern, 'initiator', suite);
  let responder: NoiseHandshake = start(vector, pattern, 'responder', suite);
  const differences: Difference[] = [];

  for (const [i, { payload, ciphertext }] of messages.slice(0, handshakeLength).entries()) {
    const [writer, reader] = i % 2 === 0 ? [initiator, responder] : [responder, initiator];
    const written = writeNoise(writer, payload);
    differences.push(compare(`handshake message ${i}`, written.message, ciphertext));
    const read = readNoise(reader, written.message);
    differences.push(compare(`payload ${i}`, read.payload, payload));
    [initiator, responder] = i % 2 === 0 ? [written.next, read.next] : [read.next, written.next];
  }
  if (initiator.kind !== 'complete' || responder.kind !== 'complete') return 'too few messages for a handshake';
  const handshakeHash = optionalBytesAt(vector, 'handshake_hash');
  if (handshakeHash !== null) {
    differences.push(compare('handshake hash of the initiator', initiator.handshakeHash, handshakeHash));
    differences.push(compare('handshake hash of the responder', responder.handshakeHash, handshakeHash));
  }

  const ends = [splitNoise(initiator), splitNoise(responder)] as const;
  for (const [i, { payload, ciphertext }] of [...messages.entries()].slice(handshakeLength)) {
    // In one-way patterns only the initiator goes on sending.
    const [from, to] = handshakeLength === 1 || i % 2 === 0 ? [ends[0], ends[1]] : [ends[1], ends[0]];
    const sealed = from.send.encrypt(payload);
    differences.push(compare(`transport message ${i}`, sealed, ciphertext));
    differences.push(compare(`transport payload ${i}`, to.receive.decrypt(sealed), payload));
  }
  return differences.find((difference) => difference !== null) ?? null;
}

function start(vector: Fields, pattern: string, role: NoiseRole, { suite, importKey }: VectorSuite) {
  const side = role === 'initiator' ? 'init' : 'resp';
  const { preMessage } = noisePattern(pattern);
  const peerKnown = role === 'initiator' ? preMessage.responder : preMessage.initiator;
  const own = optionalBytesAt(vector, `${side}_static`);
  const peer = optionalBytesAt(vector, `${side}_remote_static`);
  const common = {
    suite: { ...suite, generate: () => importKey(bytesAt(vector, `${side}_ephemeral`)) },
    pattern,
    prologue: optionalBytesAt(vector, `${side}_prologue`) ?? new Uint8Array(0),
    ...(own === null ? {} : { own: importKey(own) }),
    ...(peer === null || !peerKnown ? {} : { peer }),
    psks: preSharedKeys(vector[`${side}_psks`]),
  };
  return role === 'initiator' ? startNoise({ ...common, role }) : startNoise({ ...common, role });
}

function preSharedKeys(value: unknown): Uint8Array[] {
  if (value === undefined) return [];
  if (!Array.isArray(value)) throw new Error('pre-shared keys are not a list');
  return value.map((psk: unknown) => bytesAt({ psk }, 'psk'));
}
