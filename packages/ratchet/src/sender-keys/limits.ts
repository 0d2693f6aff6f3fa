/** Bytes, of every symmetric key, public key and hash here. */
export const KEY_BYTES = 32;
/** A chain's random name. */
export const CHAIN_BYTES = 16;
export const MAX_GROUP_BYTES = 64;
/** Fresh in each message, so that no restored or cloned sender repeats a key and nonce for another text. */
export const SALT_BYTES = 16;
/** Ed25519 */
export const SIGNATURE_BYTES = 64;
export const AEAD_TAG_BYTES = 16;

/** At most this many keys of messages that have not arrived, for each chain; also the furthest jump. */
export const MAX_SKIPPED = 2000;
/** A week that an envelope may wait, and the two in which its sender may send it again. */
export const MAX_SKIPPED_HOURS = 21 * 24;
/** The number after the last one that a message can have. Rotation comes long before. */
export const END_INDEX = 0xffff_ffff;

/** Version of records, messages and distributions. */
export const VERSION = 1;
