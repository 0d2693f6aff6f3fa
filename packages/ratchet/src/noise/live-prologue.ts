import { asciiBytes, concatBytes, Suite } from '@sotto/wire';
import { RatchetError } from '../error.ts';
import type { RemoteDevice } from '../x3dh/parties.ts';

const LABEL = asciiBytes('sotto/v1/noise-live');
const SUITE = Suite.NOISE_IK_X25519_MLKEM768_CHACHA20POLY1305_SHA256;
const KEY_BYTES = 32;

/** Who of a device takes part: fixed lengths, so that nothing in a prologue can be read in two ways. */
type Party = Pick<RemoteDevice, 'device' | 'head' | 'ed25519' | 'x25519'>;

/**
 * What both sides must agree on before a live handshake: label ‖ suite ‖ account, device, Ed25519 and X25519 key of the
 * initiator, then of the responder. Chain heads may differ until the two have talked; they travel in the payloads.
 */
export function livePrologue(initiator: Party, responder: Party): Uint8Array {
  return concatBytes(
    LABEL,
    Uint8Array.of(SUITE >> 8, SUITE & 0xff),
    ...partyBytes(initiator),
    ...partyBytes(responder),
  );
}

function partyBytes({ device, head, ed25519, x25519 }: Party): Uint8Array[] {
  if (ed25519.length !== KEY_BYTES || x25519.length !== KEY_BYTES) {
    throw new RatchetError('parameters', 'identity keys have 32 bytes');
  }
  return [head.account, device, ed25519, x25519];
}
