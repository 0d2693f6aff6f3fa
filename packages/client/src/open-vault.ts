import { createVault, openVault, VaultError } from '@sotto/vault';
import type { Vault } from '@sotto/vault';
import type { Effects, VaultFolder } from './options.ts';

/** The vault given, or the one in the folder given. Vault errors pass through. */
export async function openStore(
  given: VaultFolder | Vault,
  { provider, clock }: Pick<Effects, 'provider' | 'clock'>,
  missing: 'make' | 'refuse',
): Promise<Vault> {
  if (!('folder' in given)) return given;
  const options = { path: given.folder, keystore: given.keystore, provider, clock };
  try {
    return await openVault(options);
  } catch (cause) {
    if (missing === 'refuse' || !(cause instanceof VaultError) || cause.code !== 'not_found') throw cause;
    return createVault(options);
  }
}
