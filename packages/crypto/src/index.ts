export { CryptoError } from './error.ts';
export type { CryptoErrorCode } from './error.ts';
export { nativeProvider } from './native/provider.ts';
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
