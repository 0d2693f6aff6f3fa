import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  createPrivateKey,
  createPublicKey,
  decapsulate,
  diffieHellman,
  encapsulate,
  generateKeyPairSync,
  hash,
  hkdfSync,
  randomBytes,
  sign,
  verify,
} from 'node:crypto';
import type { AsymmetricKeyType, KeyObject } from 'node:crypto';
import { hpke, nativeProvider, xWingKem } from '@sotto/crypto';

/** Sizes on the wire, bytes: header, padded body, body of an initial message, padded initial message, prekey leaf. */
const HEADER = 42;
const BODY = 2048 - 98;
const INNER_BODY = 1025;
const FLIGHT = 6144 - 1144;
const LEAF = 1220;
/** Merkle node with its label, associated data, a signed batch, one block of tags. */
const NODE = 84;
const ASSOCIATED = 140;
const SIGNED = 100;
const TAGS = 128;

type Sealed = 'header' | 'body' | 'inner';

/** The primitives that pairwise operations are made of, each on data of the right size. */
export interface Primitives {
  random(): void;
  hashLeaf(): void;
  hashNode(): void;
  hmac(): void;
  hkdf(length: number): void;
  keystream(): void;
  seal(what: Sealed): void;
  open(what: Sealed): void;
  importX25519(): void;
  importKem(): void;
  importSealingKey(): void;
  /** A new X25519 key, its public half, and its private half for a record. */
  newX25519(): void;
  importPrivateX25519(): void;
  importPrivateKem(): void;
  dh(): void;
  encapsulate(): void;
  decapsulate(): void;
  /** HPKE with X-Wing, base mode. */
  sealFlight(): void;
  openFlight(): void;
  verify(): void;
  sign(): void;
  verifyBody(): void;
}

/** As the protocols call them: keys checked, secrets wiped. */
export function providerPrimitives(): Primitives {
  const p = nativeProvider();
  const box = hpke(p, { kem: xWingKem, kdf: 'sha256', aead: 'chacha20-poly1305' });
  const [key, salt, info, nonce] = [p.random(32), p.random(16), p.random(16), p.random(12)];
  const associated = p.random(ASSOCIATED);
  const plain = { header: p.random(HEADER), body: p.random(BODY), inner: p.random(INNER_BODY) };
  const seal = (what: Sealed) => p.seal('chacha20-poly1305', key, nonce, plain[what], associated);
  const sealed = { header: seal('header'), body: seal('body'), inner: seal('inner') };
  const own = p.generate('x25519');
  const ownBytes = own.export().reveal();
  const peer = p.importPublic('x25519', p.generate('x25519').publicKey);
  const kem = p.generate('ml-kem-768');
  const kemBytes = kem.export().reveal();
  const kemPublic = p.importPublic('ml-kem-768', kem.publicKey);
  const kemCiphertext = p.encapsulate(kemPublic).ciphertext;
  const wing = p.generate('x-wing');
  const wingPublic = p.importPublic('x-wing', wing.publicKey);
  const flight = p.random(FLIGHT);
  const sealedFlight = box.seal(wingPublic, { info }, flight, associated);
  const [leaf, node, signed] = [p.random(LEAF), p.random(NODE), p.random(SIGNED)];
  const signer = p.generate('ed25519');
  const verifier = p.importPublic('ed25519', signer.publicKey);
  const [signature, bodySignature] = [p.sign(signer, signed), p.sign(signer, plain.body)];
  return {
    random: () => p.random(16),
    hashLeaf: () => p.hash('sha256', leaf),
    hashNode: () => p.hash('sha256', node),
    hmac: () => p.hmac('sha256', key, salt).dispose(),
    hkdf: (length) => p.hkdf('sha256', key, salt, info, length).dispose(),
    keystream: () => p.keystream(key, nonce, TAGS),
    seal,
    open: (what) => p.open('chacha20-poly1305', key, nonce, sealed[what], associated),
    importX25519: () => p.importPublic('x25519', peer.bytes),
    importKem: () => p.importPublic('ml-kem-768', kemPublic.bytes),
    importSealingKey: () => p.importPublic('x-wing', wingPublic.bytes),
    newX25519() {
      const fresh = p.generate('x25519');
      fresh.export().dispose();
      return fresh.publicKey;
    },
    importPrivateX25519: () => p.importPrivate('x25519', ownBytes),
    importPrivateKem: () => p.importPrivate('ml-kem-768', kemBytes),
    dh: () => p.dh(own, peer).dispose(),
    encapsulate: () => p.encapsulate(kemPublic).sharedSecret.dispose(),
    decapsulate: () => p.decapsulate(kem, kemCiphertext).dispose(),
    sealFlight: () => box.seal(wingPublic, { info }, flight, associated),
    openFlight: () => box.open(wing, sealedFlight, { info }, associated),
    verify: () => p.verify(verifier, signed, signature),
    sign: () => p.sign(signer, plain.body),
    verifyBody: () => p.verify(verifier, plain.body, bodySignature),
  };
}

const AEAD = { authTagLength: 16 } as const;

const publicOf = (bytes: Buffer, asymmetricKeyType: AsymmetricKeyType) =>
  createPublicKey({ key: bytes, format: 'raw-public', asymmetricKeyType });
const rawPublic = (key: KeyObject) => key.export({ format: 'raw-public' });
const newX25519 = () => generateKeyPairSync('x25519');

/** The barest calls of node:crypto that compute the same. */
export function barePrimitives(): Primitives {
  const [key, salt, info, nonce] = [randomBytes(32), randomBytes(16), randomBytes(16), randomBytes(12)];
  const associated = randomBytes(ASSOCIATED);
  const sealBytes = (plaintext: Uint8Array): Buffer => {
    const cipher = createCipheriv('chacha20-poly1305', key, nonce, AEAD);
    cipher.setAAD(associated);
    const ciphertext = cipher.update(plaintext);
    cipher.final();
    return Buffer.concat([ciphertext, cipher.getAuthTag()]);
  };
  const openBytes = (ciphertext: Buffer): Buffer => {
    const decipher = createDecipheriv('chacha20-poly1305', key, nonce, AEAD);
    decipher.setAAD(associated);
    decipher.setAuthTag(ciphertext.subarray(-16));
    const plaintext = decipher.update(ciphertext.subarray(0, -16));
    decipher.final();
    return plaintext;
  };
  const plain = { header: randomBytes(HEADER), body: randomBytes(BODY), inner: randomBytes(INNER_BODY) };
  const sealed = { header: sealBytes(plain.header), body: sealBytes(plain.body), inner: sealBytes(plain.inner) };
  const flight = randomBytes(FLIGHT);
  const sealedFlight = sealBytes(flight);
  const { privateKey: own } = newX25519();
  const { publicKey: peer } = newX25519();
  const [peerBytes, ownBytes] = [rawPublic(peer), own.export({ format: 'raw-private' })];
  const kem = generateKeyPairSync('ml-kem-768');
  const kemBytes = rawPublic(kem.publicKey);
  // As PKCS #8, which is faster to import than the raw seed.
  const kemPrivate = kem.privateKey.export({ format: 'der', type: 'pkcs8' });
  const kemCiphertext = encapsulate(kem.publicKey).ciphertext;
  const [leaf, node, signed] = [randomBytes(LEAF), randomBytes(NODE), randomBytes(SIGNED)];
  const signer = generateKeyPairSync('ed25519');
  const [signature, bodySignature] = [sign(null, signed, signer.privateKey), sign(null, plain.body, signer.privateKey)];
  const hkdf = (length: number) => hkdfSync('sha256', key, salt, info, length);
  const dh = () => diffieHellman({ privateKey: own, publicKey: peer });
  const hmac = () => createHmac('sha256', key).update(salt).digest();
  const importX25519 = () => publicOf(peerBytes, 'x25519');
  const importKem = () => publicOf(kemBytes, 'ml-kem-768');
  /** info_hash, secret, key, nonce. */
  const keySchedule = (): void => {
    for (let step = 0; step < 4; step++) hmac();
  };
  return {
    random: () => randomBytes(16),
    hashLeaf: () => hash('sha256', leaf, 'buffer'),
    hashNode: () => hash('sha256', node, 'buffer'),
    hmac,
    hkdf,
    keystream: () => createCipheriv('chacha20', key, salt).update(new Uint8Array(TAGS)),
    seal: (what) => sealBytes(plain[what]),
    open: (what) => openBytes(sealed[what]),
    importX25519,
    importKem,
    importSealingKey() {
      importKem();
      importX25519();
    },
    newX25519() {
      const { privateKey, publicKey } = newX25519();
      rawPublic(publicKey);
      privateKey.export({ format: 'raw-private' });
    },
    importPrivateX25519: () => createPrivateKey({ key: ownBytes, format: 'raw-private', asymmetricKeyType: 'x25519' }),
    importPrivateKem: () => createPrivateKey({ key: kemPrivate, format: 'der', type: 'pkcs8' }),
    dh,
    encapsulate: () => encapsulate(kem.publicKey),
    decapsulate: () => decapsulate(kem.privateKey, kemCiphertext),
    sealFlight() {
      rawPublic(newX25519().publicKey);
      dh();
      encapsulate(kem.publicKey);
      hash('sha3-256', associated, 'buffer');
      keySchedule();
      sealBytes(flight);
    },
    openFlight() {
      importX25519();
      dh();
      decapsulate(kem.privateKey, kemCiphertext);
      hash('sha3-256', associated, 'buffer');
      keySchedule();
      openBytes(sealedFlight);
    },
    verify: () => verify(null, signed, signer.publicKey, signature),
    sign: () => sign(null, plain.body, signer.privateKey),
    verifyBody: () => verify(null, plain.body, signer.publicKey, bodySignature),
  };
}
