import { asciiBytes } from '@sotto/wire';

// Domain separation: one label for each use, fixed-length data after it.

/** Chain key → next chain key and message key. */
export const CHAIN = asciiBytes('sotto/v1/chain');
/** Root key and a Diffie-Hellman result → root key, chain key, next header key. */
export const ROOT = asciiBytes('sotto/v1/root');
/** Header key and salt → the key of one header. */
export const HEADER = asciiBytes('sotto/v1/header');
/** Header key → tag key. */
export const TAG = asciiBytes('sotto/v1/tag');
/** Message key and salt → key and nonce of one body. */
export const BODY = asciiBytes('sotto/v1/body');
/** Key agreement → root key and first header keys. */
export const AGREEMENT = asciiBytes('sotto/v1/agreement');
/** What both sides of a session must agree on. */
export const SESSION = asciiBytes('sotto/v1/session');
/** Name of a session: its first flight without the parts that may differ. */
export const SESSION_HASH = asciiBytes('sotto/v1/session-hash');
/** HPKE `info` of a first message. */
export const INITIAL = asciiBytes('sotto/v1/initial');
/** Leaf and inner node of a prekey batch. */
export const PREKEY_LEAF = asciiBytes('sotto/v1/prekey-leaf');
export const PREKEY_NODE = asciiBytes('sotto/v1/prekey-node');
