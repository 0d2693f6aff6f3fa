import {
  dhkemP256,
  dhkemP384,
  dhkemP521,
  dhkemX25519,
  dhkemX448,
  hpke as makeHpke,
  mlKem768X25519Kem,
  xWingKem,
} from '@sotto/crypto';
import type {
  CryptoProvider,
  DhKind,
  HashName,
  Hpke,
  HpkeAead,
  HpkeKem,
  HpkeReceiverMode,
  HpkeSenderMode,
  HpkeSuite,
  PrivateKey,
  PublicKey,
} from '@sotto/crypto';
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
const DHKEMS: readonly HpkeKem<DhKind>[] = [dhkemX25519, dhkemX448, dhkemP256, dhkemP384, dhkemP521];
/** IANA "HPKE KEM Identifiers" and draft-ietf-hpke-pq, to name what is skipped. */
const KEM_NAMES: { readonly [id: number]: string } = {
  0x40: 'ML-KEM-512',
  0x41: 'ML-KEM-768',
  0x42: 'ML-KEM-1024',
  0x50: 'MLKEM768-P256',
  0x51: 'MLKEM1024-P384',
};

function check(fields: Fields, provider: CryptoProvider): Difference {
  const kemId = numberAt(fields, 'kem_id');
  const kdf = KDFS[numberAt(fields, 'kdf_id')];
  const aead = AEADS[numberAt(fields, 'aead_id')];
  if (kdf === undefined) throw new NotOffered(`KDF 0x${numberAt(fields, 'kdf_id').toString(16)}`);
  if (aead === undefined) throw new NotOffered(`AEAD 0x${numberAt(fields, 'aead_id').toString(16)}`);
  const kem = DHKEMS.find(({ id }) => id === kemId);
  if (kem !== undefined) return checkDhkem(fields, provider, { kem, kdf, aead });
  if (kemId === xWingKem.id) return checkXWing(fields, provider, { kdf, aead });
  throw new NotOffered(KEM_NAMES[kemId] ?? `KEM 0x${kemId.toString(16)}`);
}

function checkDhkem(fields: Fields, provider: CryptoProvider, suite: HpkeSuite<DhKind>): Difference {
  const { kind } = suite.kem;
  const fixed = withKey(provider, kind, bytesAt(fields, 'skEm'));
  const info = bytesAt(fields, 'info');
  const own = provider.importPrivate(kind, bytesAt(fields, 'skRm'));
  const senderKey = optionalBytesAt(fields, 'skSm');
  const receiver = makeHpke(provider, suite);
  const { context, encapsulated } = makeHpke(fixed, suite).setupSender(provider.importPublic(kind, own.publicKey), {
    info,
    mode: senderMode(fields, senderKey === null ? null : provider.importPrivate(kind, senderKey)),
  });
  const sender = optionalBytesAt(fields, 'pkSm');
  const receiverContext = receiver.setupReceiver(own, bytesAt(fields, 'enc'), {
    info,
    mode: receiverMode(fields, sender === null ? null : provider.importPublic(kind, sender)),
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

/** The receiver's half; the key pair may be derived as either draft says, for both use one identifier. */
function checkXWing(
  fields: Fields,
  provider: CryptoProvider,
  suite: { readonly kdf: HashName; readonly aead: HpkeAead },
): Difference {
  const own = provider.importPrivate('x-wing', bytesAt(fields, 'skRm'));
  const context = makeHpke(provider, { ...suite, kem: xWingKem }).setupReceiver(own, bytesAt(fields, 'enc'), {
    info: bytesAt(fields, 'info'),
    mode: receiverMode<'x-wing'>(fields, null),
  });
  return (
    compare('pkRm', own.publicKey, bytesAt(fields, 'pkRm')) ??
    derivedXWingKey(fields, provider) ??
    messages(fields, null, context) ??
    exported(fields, context)
  );
}

function derivedXWingKey(fields: Fields, provider: CryptoProvider): Difference {
  const ikm = optionalBytesAt(fields, 'ikmR');
  if (ikm === null) return null;
  const differences = [xWingKem, mlKem768X25519Kem].map((kem) => {
    using pair = kem.derive(provider, ikm);
    using seed = pair.export();
    return compare('skRm', seed.reveal(), bytesAt(fields, 'skRm'));
  });
  return differences.includes(null) ? null : 'skRm follows from ikmR in neither way';
}

interface Modes {
  readonly psk: Uint8Array;
  readonly pskId: Uint8Array;
}

function pskIn(fields: Fields): Modes {
  return { psk: bytesAt(fields, 'psk'), pskId: bytesAt(fields, 'psk_id') };
}

function senderMode(fields: Fields, sender: PrivateKey<DhKind> | null): HpkeSenderMode<DhKind> {
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

function receiverMode<Kind extends DhKind | 'x-wing'>(
  fields: Fields,
  sender: PublicKey<Kind> | null,
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
function derivedKeys(fields: Fields, suite: Hpke<DhKind>): Difference {
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

type Sender = ReturnType<Hpke<DhKind>['setupSender']>['context'];
type Receiver = ReturnType<Hpke<DhKind>['setupReceiver']>;

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
