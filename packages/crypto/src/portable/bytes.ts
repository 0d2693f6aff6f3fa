import { Secret } from '../secret.ts';

/** Copies into a Secret and wipes the original: what noble returns may lie on the moving heap. */
export function moveToSecret(bytes: Uint8Array): Secret {
  const secret = Secret.copy(bytes);
  bytes.fill(0);
  return secret;
}
