import { MlsError } from './error.ts';
import { decodeMessage, encodeMessage } from './messages/message.ts';

/**
 * A Welcome message as one for each new member, each with what only that member can open: smaller, where they travel
 * apart. Throws `wire_format` and the codes of form.
 */
export function splitWelcome(bytes: Uint8Array): { readonly ref: Uint8Array; readonly welcome: Uint8Array }[] {
  const message = decodeMessage(bytes.slice());
  if (message.kind !== 'welcome') throw new MlsError('wire_format', 'a message is not a welcome');
  const { welcome } = message;
  return welcome.secrets.map((secrets) => ({
    ref: secrets.newMember,
    welcome: encodeMessage({ kind: 'welcome', welcome: { ...welcome, secrets: [secrets] } }),
  }));
}
