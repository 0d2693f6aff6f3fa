// What index.ts exports, with the portable provider instead of the native one and no `node:` import anywhere below.
export { CryptoError } from './error.ts';
export type { CryptoErrorCode } from './error.ts';
export { portableProvider } from './portable/provider.ts';
export type { PortableSources } from './portable/provider.ts';
export type {
  AeadName,
  Argon2Extras,
  Argon2Parameters,
  Bytes,
  CryptoProvider,
  Encapsulated,
  HashName,
  KeyKind,
  PrivateKey,
  PublicKey,
} from './provider.ts';
export { bytesOf, Secret } from './secret.ts';
