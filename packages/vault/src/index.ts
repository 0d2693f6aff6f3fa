export { VaultError } from './error.ts';
export type { VaultErrorCode } from './error.ts';
export { fileKeystore } from './keystore/file.ts';
export type { FileKeystoreOptions } from './keystore/file.ts';
export { passphraseKeystore } from './keystore/passphrase.ts';
export type { PassphraseCost, PassphraseKeystoreOptions } from './keystore/passphrase.ts';
export { createVault, inspectVault, openVault } from './open.ts';
export type { VaultInfo, VaultOptions } from './open.ts';
export {
  EMPTY_INVENTORY,
  readInventory,
  withMade,
  without,
  renewed,
  withUploaded,
  writeInventory,
} from './prekeys/inventory.ts';
export type { Prekey, PrekeyInventory, PrekeyKind } from './prekeys/inventory.ts';
export { PREKEY_SCHEDULE, prekeyPlan } from './prekeys/plan.ts';
export type { PrekeyPlan, PrekeySchedule, PrekeyStock, WaitingPrekey } from './prekeys/plan.ts';
export { recordStore } from './records.ts';
export type { RecordReader, RecordStore } from './records.ts';
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
export { wipeVault } from './wipe.ts';
export type { WipeOptions } from './wipe.ts';
