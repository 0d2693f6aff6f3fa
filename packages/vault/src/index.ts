export { VaultError } from './error.ts';
export type { VaultErrorCode } from './error.ts';
export { fileKeystore } from './keystore/file.ts';
export type { FileKeystoreOptions } from './keystore/file.ts';
export { passphraseKeystore } from './keystore/passphrase.ts';
export type { PassphraseCost, PassphraseKeystoreOptions } from './keystore/passphrase.ts';
export { createVault, inspectVault, openVault } from './open.ts';
export type { VaultInfo, VaultOptions } from './open.ts';
export type {
  Collection,
  Keystore,
  Placing,
  Range,
  Row,
  SearchHit,
  SearchOptions,
  Vault,
  VaultClock,
  VaultReader,
  VaultWriter,
} from './vault.ts';
