import type { Primitives } from './primitives.ts';

type Timer = <T>(name: string, run: () => T | Promise<T>) => Promise<T>;

/** Batches that a bundle's keys come from: 3 lasting ones and 200 one-time ones, with proofs of 2 and 8 hashes. */
const BATCHES = [
  { keys: 3, proof: 2 },
  { keys: 2, proof: 8 },
];
const SESSIONS = 12;
const MESSAGES = 12;

/** The primitives that each operation cannot do without, on data of the right sizes, and nothing else. */
export function floorRound(p: Primitives): (time: Timer) => Promise<void> {
  /** Chain key and message key, body key and nonce, header key. */
  const messageKeys = (): void => {
    p.hkdf(64);
    p.hkdf(44);
    p.hmac();
  };
  /** Tag key and first block of tags of a new chain. */
  const newTags = (): void => {
    p.hmac();
    p.keystream();
  };
  const encrypt = (body: 'body' | 'inner'): void => {
    p.random();
    messageKeys();
    p.seal('header');
    p.seal(body);
  };
  const decrypt = (body: 'body' | 'inner'): void => {
    messageKeys();
    p.open('header');
    p.open(body);
  };
  /** A new ratchet key and the sending chain that it begins. */
  const beginSending = (): void => {
    p.newX25519();
    p.dh();
    p.hkdf(96);
    newTags();
  };
  const turn = (): void => {
    p.importX25519();
    p.dh();
    p.hkdf(96);
    newTags();
    beginSending();
  };
  /** What both sides must agree on, as two hashes. */
  const transcript = (): void => {
    p.hashLeaf();
    p.hashLeaf();
    p.hkdf(96);
  };
  const init = (): void => {
    for (const { keys, proof } of BATCHES) {
      p.verify();
      for (let key = 0; key < keys; key++) {
        p.hashLeaf();
        for (let node = 0; node < proof; node++) p.hashNode();
      }
    }
    p.importX25519();
    p.importX25519();
    p.importKem();
    p.importSealingKey();
    p.newX25519();
    for (let dh = 0; dh < 4; dh++) p.dh();
    p.encapsulate();
    transcript();
    newTags();
    beginSending();
    encrypt('inner');
    p.random();
    p.sealFlight();
  };
  const accept = (): void => {
    p.openFlight();
    // One-time keys are imported for this one use; lasting ones and identities are at hand.
    p.importPrivateX25519();
    p.importPrivateKem();
    p.importX25519();
    for (let dh = 0; dh < 4; dh++) p.dh();
    p.decapsulate();
    transcript();
    newTags();
    turn();
    decrypt('inner');
  };
  return async (time) => {
    for (let i = 0; i < SESSIONS; i++) {
      await time('floor-init', init);
      await time('floor-accept', accept);
    }
    for (let i = 0; i < MESSAGES; i++) {
      await time('floor-encrypt-1k', () => encrypt('body'));
      await time('floor-decrypt-1k', () => decrypt('body'));
      await time('floor-pingpong-encrypt-1k', () => encrypt('body'));
      await time('floor-pingpong-decrypt-1k', () => {
        turn();
        decrypt('body');
      });
      await time('floor-sender-key-encrypt-1k', () => {
        encrypt('body');
        p.sign();
      });
      await time('floor-sender-key-decrypt-1k', () => {
        decrypt('body');
        p.verifyBody();
      });
    }
  };
}
