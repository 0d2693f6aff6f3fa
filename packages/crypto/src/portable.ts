// What index.ts exports, with the portable provider instead of the native one and no `node:` import anywhere below.
export { CryptoError } from './error.ts';
export type { CryptoErrorCode } from './error.ts';
export type { HpkeReceiverContext, HpkeSenderContext } from './hpke/context.ts';
export { dhkemP256, dhkemP384, dhkemP521, dhkemX25519, dhkemX448 } from './hpke/dhkem.ts';
export { hpke } from './hpke/hpke.ts';
export type { Hpke, HpkeReceiverOptions, HpkeSealed, HpkeSenderOptions, HpkeSuite } from './hpke/hpke.ts';
export type { HpkeKem } from './hpke/kem.ts';
export type { HpkePsk, HpkeReceiverMode, HpkeSenderMode } from './hpke/mode.ts';
export type { HpkeAead, HpkeInfo } from './hpke/schedule.ts';
export { mlKem768X25519Kem, xWingKem } from './hpke/xwing.ts';
export { portableProvider } from './portable/provider.ts';
export type { PortableSources } from './portable/provider.ts';
export type {
  AeadName,
  Argon2Extras,
  Argon2Parameters,
  Bytes,
  CryptoProvider,
  DhKind,
  EcdsaKind,
  Encapsulated,
  Hashing,
  HashName,
  KemKind,
  KeyKind,
  PrivateKey,
  PublicKey,
  SignatureKind,
} from './provider.ts';
export { bytesOf, Secret } from './secret.ts';
export { STREAM_HEADER_BYTES } from './stream/header.ts';
export type { StreamAead } from './stream/header.ts';
export { openStream, sealedStreamBytes, sealStream } from './stream/stream.ts';
export type { SealStreamOptions, StreamOpener, StreamOptions, StreamSealer } from './stream/stream.ts';
