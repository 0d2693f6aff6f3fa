import { Suite } from '@sotto/wire';

/** The one suite of Sender Keys so far: Ed25519, ChaCha20-Poly1305, SHA-256. */
export const SENDER_KEYS = Suite.SENDER_KEYS_ED25519_CHACHA20POLY1305_SHA256;
