import type { Secret } from '@sotto/crypto';
import { MlsError } from '../error.ts';
import type { PskId } from '../messages/psk.ts';
import { pskSecret } from '../schedule/psk-secret.ts';
import type { Psk } from '../schedule/psk-secret.ts';
import type { SuiteCrypto } from '../suite.ts';
import type { PskStore } from './options.ts';

/** psk_secret of these ids. Throws `unknown_psk` for one that is neither in `own` resumption keys nor in the store. */
export function resolvePskSecret(
  crypto: SuiteCrypto,
  ids: readonly PskId[],
  store: PskStore,
  own: (groupId: Uint8Array, epoch: bigint) => Secret | null = () => null,
): Secret {
  const psks = ids.map((id): Psk => {
    const secret =
      id.kind === 'external'
        ? store.external?.(id.id)
        : (own(id.groupId, id.epoch) ?? store.resumption?.(id.groupId, id.epoch));
    if (secret === undefined || secret === null) throw new MlsError('unknown_psk', 'a PSK is not known');
    return { id, secret };
  });
  return pskSecret(crypto, psks);
}
