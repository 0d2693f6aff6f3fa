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

type Timer = <T>(name: string, run: () => T | Promise<T>) => Promise<T>;

const K32 = randomBytes(32);
const SALT = randomBytes(16);
const INFO = randomBytes(16);
const NONCE = randomBytes(12);
/** Sizes as they are on the wire: header, padded body, padded initial message, associated data. */
const HEADER = randomBytes(42);
const BODY = randomBytes(2048 - 98);
const INNER_BODY = randomBytes(1025);
const FLIGHT = randomBytes(6144 - 1144);
const ASSOCIATED = randomBytes(140);
const TAGS = new Uint8Array(128);
const LEAF = randomBytes(1220);
const NODE = randomBytes(80);
/** Batches that a bundle's keys come from: 3 lasting ones and 200 one-time ones, with proofs of 2 and 8 hashes. */
const BATCHES = [
  { keys: 3, proof: 2 },
  { keys: 2, proof: 8 },
];

const AEAD = { authTagLength: 16 } as const;

function seal(plaintext: Uint8Array): Buffer {
  const cipher = createCipheriv('chacha20-poly1305', K32, NONCE, AEAD);
  cipher.setAAD(ASSOCIATED);
  const sealed = cipher.update(plaintext);
  cipher.final();
  return Buffer.concat([sealed, cipher.getAuthTag()]);
}

function open(sealed: Buffer): Buffer {
  const decipher = createDecipheriv('chacha20-poly1305', K32, NONCE, AEAD);
  decipher.setAAD(ASSOCIATED);
  decipher.setAuthTag(sealed.subarray(sealed.length - 16));
  const plaintext = decipher.update(sealed.subarray(0, sealed.length - 16));
  decipher.final();
  return plaintext;
}

const hkdf = (length: number) => hkdfSync('sha256', K32, SALT, INFO, length);
const hmac = () => createHmac('sha256', K32).update(SALT).digest();
const rawPublic = (key: KeyObject) => createPublicKey(key).export({ format: 'raw-public' });
const rawPrivate = (key: KeyObject) => key.export({ format: 'raw-private' });
const publicOf = (bytes: Buffer, asymmetricKeyType: AsymmetricKeyType) =>
  createPublicKey({ key: bytes, format: 'raw-public', asymmetricKeyType });
const newKey = () => generateKeyPairSync('x25519').privateKey;
const dh = (privateKey: KeyObject, publicKey: KeyObject) => diffieHellman({ privateKey, publicKey });

/** Chain key, message key and header key of one message. */
function messageKeys(): void {
  hkdf(64);
  hkdf(44);
  hmac();
}

/** HPKE's key, nonce and secret. */
function keySchedule(): void {
  hkdf(32);
  hkdf(32);
  hkdf(32);
}

/** Tag key and first block of tags of a new chain. */
function newTags(): void {
  hmac();
  createCipheriv('chacha20', K32, SALT).update(TAGS);
}

/** The primitives that each operation cannot do without, called straight, on data of the right sizes, and nothing else. */
export function floorRound(): (time: Timer) => Promise<void> {
  const own = newKey();
  const peer = createPublicKey(newKey());
  const rawPeer = rawPublic(newKey());
  const rawOwn = rawPrivate(newKey());
  const mlKem = generateKeyPairSync('ml-kem-768');
  const rawKem = mlKem.publicKey.export({ format: 'raw-public' });
  // As PKCS #8, which is faster to import than the raw seed.
  const derKem = mlKem.privateKey.export({ format: 'der', type: 'pkcs8' });
  const encapsulated = encapsulate(mlKem.publicKey).ciphertext;
  const signer = generateKeyPairSync('ed25519');
  const signature = sign(null, NODE, signer.privateKey);
  const sealed = { header: seal(HEADER), body: seal(BODY), inner: seal(INNER_BODY), flight: seal(FLIGHT) };

  const turn = (): void => {
    dh(own, publicOf(rawPeer, 'x25519'));
    hkdf(96);
    const fresh = newKey();
    rawPublic(fresh);
    rawPrivate(fresh);
    dh(fresh, peer);
    hkdf(96);
    newTags();
    newTags();
  };
  const encrypt = (body: Uint8Array): void => {
    randomBytes(16);
    messageKeys();
    seal(HEADER);
    seal(body);
  };
  const decrypt = (body: Buffer): void => {
    messageKeys();
    open(sealed.header);
    open(body);
  };
  const init = (): void => {
    // The bundle: a signature for each batch, five proofs, and the four keys that are used.
    for (const { keys, proof } of BATCHES) {
      verify(null, NODE, signer.publicKey, signature);
      for (let key = 0; key < keys; key++) {
        hash('sha256', LEAF, 'buffer');
        for (let node = 0; node < proof; node++) hash('sha256', NODE, 'buffer');
      }
    }
    const signed = publicOf(rawPeer, 'x25519');
    const oneTime = publicOf(rawPeer, 'x25519');
    const kem = publicOf(rawKem, 'ml-kem-768');
    // PQXDH.
    const ephemeral = newKey();
    rawPublic(ephemeral);
    dh(own, signed);
    dh(ephemeral, peer);
    dh(ephemeral, signed);
    dh(ephemeral, oneTime);
    encapsulate(kem);
    hash('sha256', LEAF, 'buffer');
    hash('sha256', LEAF, 'buffer');
    hkdf(96);
    // The first ratchet key.
    const ratchet = newKey();
    rawPublic(ratchet);
    rawPrivate(ratchet);
    dh(ratchet, signed);
    hkdf(96);
    newTags();
    newTags();
    encrypt(INNER_BODY);
    // HPKE with X-Wing around it.
    const [wingKem, wingKey] = [publicOf(rawKem, 'ml-kem-768'), publicOf(rawPeer, 'x25519')];
    const hybrid = newKey();
    rawPublic(hybrid);
    dh(hybrid, wingKey);
    encapsulate(wingKem);
    hash('sha3-256', ASSOCIATED, 'buffer');
    keySchedule();
    seal(FLIGHT);
  };
  const accept = (): void => {
    dh(own, publicOf(rawPeer, 'x25519'));
    decapsulate(mlKem.privateKey, encapsulated);
    hash('sha3-256', ASSOCIATED, 'buffer');
    keySchedule();
    open(sealed.flight);
    // One-time keys are imported for this one use; lasting ones and identities are at hand.
    const oneTime = createPrivateKey({ key: rawOwn, format: 'raw-private', asymmetricKeyType: 'x25519' });
    const kem = createPrivateKey({ key: derKem, format: 'der', type: 'pkcs8' });
    rawPublic(kem);
    const ephemeral = publicOf(rawPeer, 'x25519');
    dh(own, peer);
    dh(own, ephemeral);
    dh(own, ephemeral);
    dh(oneTime, ephemeral);
    decapsulate(kem, encapsulated);
    hash('sha256', LEAF, 'buffer');
    hash('sha256', LEAF, 'buffer');
    hkdf(96);
    turn();
    decrypt(sealed.inner);
  };
  const senderKeyEncrypt = (): void => {
    randomBytes(16);
    messageKeys();
    seal(HEADER);
    seal(BODY);
    sign(null, BODY, signer.privateKey);
  };
  const bodySignature = sign(null, BODY, signer.privateKey);
  const senderKeyDecrypt = (): void => {
    decrypt(sealed.body);
    verify(null, BODY, signer.publicKey, bodySignature);
  };

  return async (time) => {
    for (let i = 0; i < 12; i++) {
      await time('floor-init', init);
      await time('floor-accept', accept);
    }
    for (let i = 0; i < 12; i++) {
      await time('floor-encrypt-1k', () => encrypt(BODY));
      await time('floor-decrypt-1k', () => decrypt(sealed.body));
      await time('floor-pingpong-encrypt-1k', () => encrypt(BODY));
      await time('floor-pingpong-decrypt-1k', () => {
        turn();
        decrypt(sealed.body);
      });
      await time('floor-sender-key-encrypt-1k', senderKeyEncrypt);
      await time('floor-sender-key-decrypt-1k', senderKeyDecrypt);
    }
  };
}
