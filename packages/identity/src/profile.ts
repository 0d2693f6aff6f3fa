import type { CryptoProvider } from '@sotto/crypto';
import { asciiBytes } from '@sotto/wire';
import { IdentityError } from './error.ts';
import { checkName, normaliseName } from './names.ts';

/** How a person shows themselves. */
export interface Profile {
  /** Normalised, visible, at most 64 characters. */
  readonly name: string;
  /** `avatarHashOf` the picture, 32 bytes; null: none. */
  readonly avatarHash: Uint8Array | null;
}

const AVATAR = asciiBytes('sotto/v1/avatar');
const HASH_BYTES = 32;

/** A profile from what a person typed. Throws `IdentityError` `name` or `malformed`. */
export function makeProfile(name: string, avatarHash: Uint8Array | null): Profile {
  return checkedHash({ name: normaliseName(name), avatarHash });
}

/** A profile from outside; its name must be normalised already. Throws `IdentityError` `name` or `malformed`. */
export function checkProfile(profile: Profile): Profile {
  checkName(profile.name);
  return checkedHash(profile);
}

/** SHA-256("sotto/v1/avatar" ‖ picture), 32 bytes. */
export function avatarHashOf(crypto: CryptoProvider, picture: Uint8Array): Uint8Array {
  return crypto.hash('sha256', AVATAR, picture);
}

function checkedHash(profile: Profile): Profile {
  if (profile.avatarHash !== null && profile.avatarHash.length !== HASH_BYTES) {
    throw new IdentityError('malformed', 'an avatar hash has 32 bytes');
  }
  return profile;
}
