import { dhkemX25519, hpke as makeHpke, xWingKem } from '@sotto/crypto';
import type { CryptoProvider, HashName, Hpke, HpkeAead, HpkeReceiverMode, HpkeSenderMode } from '@sotto/crypto';
import { bytesAt, fieldsOf, labelAt, listOf, numberAt, optionalBytesAt } from './fields.ts';
import type { Fields } from './fields.ts';
import { compare, NotOffered, outcomeOf, withKey } from './outcome.ts';
import type { Difference } from './outcome.ts';
import type { VectorRunner } from './runner.ts';

/** RFC 9180 appendix A, in the format of the CFRG's machine-readable vectors. Both sides run, each against the file. */
export const hpke: VectorRunner = {
  name: 'HPKE',
  recognises: (fileName) => /(?:hpke|rfc9180).*\.json$/i.test(fileName),
  async *run(json, provider) {
    const cases = Array.isArray(json) ? json : (fieldsOf(json)['vectors'] ?? fieldsOf(json)['tests']);
    for (const [index, fields] of listOf(cases).entries()) {
      const ids = ['mode', 'kem_id', 'kdf_id', 'aead_id'].map((name) => `${name} ${labelAt(fields, name)}`);
      yield await outcomeOf(`#${index} ${ids.join(', ')}`, () => check(fields, provider));
    }
  },
};

const KDFS: { readonly [id: number]: HashName } = { 1: 'sha256', 2: 'sha384', 3: 'sha512' };
const AEADS: { readonly [id: number]: HpkeAead } = {
  1: 'aes-128-gcm',
  2: 'aes-256-gcm',
  3: 'chacha20-poly1305',
  0xffff: 'export-only',
};
/** IANA "HPKE KEM Identifiers", to name what is skipped. */
const KEM_NAMES: { readonly [id: number]: string } = {
  0x10: 'DHKEM(P-256, HKDF-SHA256)',
  0x11: 'DHKEM(P-384, HKDF-SHA384)',
  0x12: 'DHKEM(P-521, HKDF-SHA512)',
  0x21: 'DHKEM(X448, HKDF-SHA512)',
};

function check(fields: Fields, provider: CryptoProvider): Difference {
  const kemId = numberAt(fields, 'kem_id');
  const kdf = KDFS[numberAt(fields, 'kdf_id')];
  const aead = AEADS[numberAt(fields, 'aead_id')];
  if (kdf === undefined) throw new NotOffered(`KDF 0x${numberAt(fields, 'kdf_id').toString(16)}`);
  if (aead === undefined) throw new NotOffered(`AEAD 0x${numberAt(fields, 'aead_id').toString(16)}`);
  if (kemId === dhkemX25519.id) return checkX25519(fields, provider, kdf, aead);
  if (kemId === xWingKem.id) return checkXWing(fields, makeHpke(provider, { kem: xWingKem, kdf, aead }), provider);
  throw new NotOffered(KEM_NAMES[kemId] ?? `KEM 0x${kemId.toString(16)}`);
}

function checkX25519(fields: Fields, provider: CryptoProvider, kdf: HashName, aead: HpkeAead): Difference {
  const suite = { kem: dhkemX25519, kdf, aead };
  const fixed = withKey(provider, 'x25519', bytesAt(fields, 'skEm'));
  const info = bytesAt(fields, 'info');
  const own = provider.importPrivate('x25519', bytesAt(fields, 'skRm'));
  const senderKey = optionalBytesAt(fields, 'skSm');
  const receiver = makeHpke(provider, suite);
  const { context, encapsulated } = makeHpke(fixed, suite).setupSender(provider.importPublic('x25519', own.publicKey), {
    info,
    mode: senderMode(fields, senderKey === null ? null : provider.importPrivate('x25519', senderKey)),
  });
  const sender = optionalBytesAt(fields, 'pkSm');
  const receiverContext = receiver.setupReceiver(own, bytesAt(fields, 'enc'), {
    info,
    mode: receiverMode(fields, sender === null ? null : provider.importPublic('x25519', sender)),
  });
  return (
    compare('enc', encapsulated, bytesAt(fields, 'enc')) ??
    compare('pkRm', own.publicKey, bytesAt(fields, 'pkRm')) ??
    derivedKeys(fields, receiver) ??
    messages(fields, context, receiverContext) ??
    exported(fields, context) ??
    exported(fields, receiverContext)
  );
}

/** The receiver's half: neither coins nor one way to derive keys are agreed for X-Wing. */
function checkXWing(fields: Fields, suite: Hpke<'x-wing'>, provider: CryptoProvider): Difference {
  const own = provider.importPrivate('x-wing', bytesAt(fields, 'skRm'));
  const context = suite.setupReceiver(own, bytesAt(fields, 'enc'), {
    info: bytesAt(fields, 'info'),
    mode: receiverMode<'x-wing'>(fields, null),
  });
  return (
    compare('pkRm', own.publicKey, bytesAt(fields, 'pkRm')) ??
    messages(fields, null, context) ??
    exported(fields, context)
  );
}

interface Modes {
  readonly psk: Uint8Array;
  readonly pskId: Uint8Array;
}

function pskIn(fields: Fields): Modes {
  return { psk: bytesAt(fields, 'psk'), pskId: bytesAt(fields, 'psk_id') };
}

type SenderKey = Extract<HpkeSenderMode<'x25519'>, { kind: 'auth' }>['sender'];

function senderMode(fields: Fields, sender: SenderKey | null): HpkeSenderMode<'x25519'> {
  switch (numberAt(fields, 'mode')) {
    case 0:
      return { kind: 'base' };
    case 1:
      return { kind: 'psk', ...pskIn(fields) };
    case 2:
      return { kind: 'auth', sender: present(sender) };
    case 3:
      return { kind: 'auth-psk', sender: present(sender), ...pskIn(fields) };
    default:
      throw new NotOffered(`mode ${numberAt(fields, 'mode')}`);
  }
}

function receiverMode<Kind extends 'x25519' | 'x-wing'>(
  fields: Fields,
  sender: Extract<HpkeReceiverMode<Kind>, { kind: 'auth' }>['sender'] | null,
): HpkeReceiverMode<Kind> {
  switch (numberAt(fields, 'mode')) {
    case 0:
      return { kind: 'base' };
    case 1:
      return { kind: 'psk', ...pskIn(fields) };
    case 2:
      return { kind: 'auth', sender: present(sender) };
    case 3:
      return { kind: 'auth-psk', sender: present(sender), ...pskIn(fields) };
    default:
      throw new NotOffered(`mode ${numberAt(fields, 'mode')}`);
  }
}

function present<T>(value: T | null): T {
  if (value === null) throw new Error('the sender key is missing');
  return value;
}

/** DeriveKeyPair from every input key material the case names. */
function derivedKeys(fields: Fields, suite: Hpke<'x25519'>): Difference {
  for (const owner of ['E', 'R', 'S']) {
    const ikm = optionalBytesAt(fields, `ikm${owner}`);
    if (ikm === null) continue;
    using pair = suite.deriveKeyPair(ikm);
    using scalar = pair.export();
    const difference =
      compare(`sk${owner}m`, scalar.reveal(), bytesAt(fields, `sk${owner}m`)) ??
      compare(`pk${owner}m`, pair.publicKey, bytesAt(fields, `pk${owner}m`));
    if (difference !== null) return difference;
  }
  return null;
}

type Sender = ReturnType<Hpke<'x25519'>['setupSender']>['context'];
type Receiver = ReturnType<Hpke<'x25519'>['setupReceiver']>;

/** The file shows some sequence numbers; the messages between them go from sender to receiver unseen. */
function messages(fields: Fields, sender: Sender | null, receiver: Receiver): Difference {
  let sequence = 0;
  for (const [index, entry] of listOf(fields['encryptions'] ?? []).entries()) {
    const wanted = entry['seq'] === undefined ? index : numberAt(entry, 'seq');
    for (; sequence < wanted; sequence++) {
      if (sender === null) throw new NotOffered('gaps in X-Wing sequence numbers');
      const empty = new Uint8Array(0);
      if (receiver.open(sender.seal(empty, empty), empty) === null) return `message ${sequence} does not open`;
    }
    const [plaintext, associated, ciphertext] = [bytesAt(entry, 'pt'), bytesAt(entry, 'aad'), bytesAt(entry, 'ct')];
    const opened = receiver.open(ciphertext, associated);
    if (opened === null) return `message ${sequence} does not open`;
    const difference =
      compare(`message ${sequence}`, opened, plaintext) ??
      (sender === null ? null : compare(`ciphertext ${sequence}`, sender.seal(plaintext, associated), ciphertext));
    if (difference !== null) return difference;
    sequence++;
  }
  return null;
}

function exported(fields: Fields, context: Sender | Receiver): Difference {
  for (const [index, entry] of listOf(fields['exports'] ?? []).entries()) {
    using value = context.export(bytesAt(entry, 'exporter_context'), numberAt(entry, 'L'));
    const difference = compare(`export ${index}`, value.reveal(), bytesAt(entry, 'exported_value'));
    if (difference !== null) return difference;
  }
  return null;
}
