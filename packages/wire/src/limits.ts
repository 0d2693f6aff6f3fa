/** Serialised envelope, bytes. Larger content travels as a blob. One envelope fits a 128 KiB frame of any transport. */
export const MAX_ENVELOPE_BYTES = 96 * 1024;

/** Text and edit bodies, UTF-8 bytes: about 30 printed pages; more is a document. */
export const MAX_TEXT_BYTES = 64 * 1024;

/**
 * Serialised content, bytes: the longest text and 4 KiB for everything around it. What remains up to the largest
 * bucket is room for a first message's chain, KEM ciphertext and encapsulation, so no content is too long to start with.
 */
export const MAX_CONTENT_BYTES = MAX_TEXT_BYTES + 4 * 1024;

/** Causal parents: more concurrent branches than devices that write at once in one conversation. */
export const MAX_PARENTS = 16;

/** Height of a content: a thousand messages a second for three months, and small enough to be part of a safe integer. */
export const MAX_HEIGHT = 2 ** 33 - 1;

/** Ends of one conversation in a sync: as many as a message can name as its parents. */
export const MAX_CONVERSATION_ENDS = 16;

/** MessageIds in one receipt or sync of read marks: 8 KiB. */
export const MAX_RECEIPT_MESSAGES = 256;

/** Bytes of one reaction: the longest emoji sequences (families with skin tones, flags) take about 35. */
export const MAX_EMOJI_BYTES = 64;

/** Characters (code points) of a profile name and of a device name. */
export const MAX_NAME_CHARACTERS = 64;

/** Characters (code points) of a contact request's greeting. */
export const MAX_GREETING_CHARACTERS = 512;

/** Addresses in one content: the most active devices of an account, 64, at one gateway each. */
export const MAX_ADDRESSES = 64;

/** Serialised gateway address, characters: the longest DNS name with scheme, port and pin. */
export const MAX_GATEWAY_ADDRESS_CHARACTERS = 320;

/** Serialised `Signed`, bytes: a body with its signatures; ML-DSA-65 signatures (3309 bytes) beside Ed25519 ones fit. */
export const MAX_SIGNED_BYTES = 16 * 1024;

/** Signatures on one body: account key, recovery key, device, new key. */
export const MAX_SIGNATURES = 4;

/** Attachments of one message: an album. Their descriptions and the text together keep within `MAX_CONTENT_BYTES`. */
export const MAX_ATTACHMENTS = 32;

/** Bytes of an attachment: a bound for arithmetic, 1 TiB; gateways and clients allow less. */
export const MAX_ATTACHMENT_BYTES = 2 ** 40;

/** UTF-8 bytes of an attachment's name: what file systems allow for one. */
export const MAX_FILE_NAME_BYTES = 255;

/** Characters of a media type: 127 in all is far above every registered one (RFC 6838 §4.2). */
export const MAX_CONTENT_TYPE_CHARACTERS = 127;

/** Bytes of a thumbnail inside a message: a picture of 128 pixels or so, to look at before anything is fetched. */
export const MAX_THUMBNAIL_BYTES = 8 * 1024;

/** Steps of a voice note's waveform: as many bars as a narrow screen shows. */
export const MAX_WAVEFORM_BYTES = 64;

/** Pixels of one side that a picture or film may claim. */
export const MAX_PIXELS = 1_000_000;

/** Mentions in one text: more is shouting. */
export const MAX_MENTIONS = 64;

/** Longest disappearing timer, seconds: a year. */
export const MAX_TIMER_SECONDS = 365 * 86_400;

/** Envelopes, and messages, asked for at once: 1 KiB each. */
export const MAX_RETRIES = 32;

/** Characters of a group's name. */
export const MAX_GROUP_NAME_CHARACTERS = 128;

/** Characters of a group's description. */
export const MAX_GROUP_DESCRIPTION_CHARACTERS = 1024;

/** Welcomes and trees up to this size travel inside a content; larger ones in a blob. */
export const MAX_CARRIED_BYTES = 48 * 1024;

/** Serialised entry of a group's log, bytes: what the format allows. Gateways take less (commits 1 MiB by default). */
export const MAX_LOG_ENTRY_BYTES = 4 * 1024 * 1024;

/** Serialised MLSMessage of a key package, bytes: keys of X-Wing, ML-DSA signatures and a long credential fit. */
export const MAX_KEY_PACKAGE_BYTES = 16 * 1024;

/** Accounts of a group that are more than members. */
export const MAX_GROUP_ROLES = 256;
