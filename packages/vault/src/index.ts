export { VaultError } from './error.ts';
export type { VaultErrorCode } from './error.ts';
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
