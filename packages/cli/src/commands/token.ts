import type { CliContext } from '../context.ts';
import { isoTime } from '../people/shapes.ts';
import { withMessenger } from '../profile/open.ts';
import { readNote } from '../profile/running-gateway.ts';

/** `sotto token`: a token for curl, valid for minutes. */
export async function token(context: CliContext): Promise<void> {
  await withMessenger(context, async (messenger) => {
    const { token: bearer, expiresAt, gateway } = await messenger.gatewayToken();
    const url = gateway.replace(/^sotto:/, 'https:').replace(/\/[^/]*$/, '');
    context.output.result({ token: bearer, expiresAt: isoTime(expiresAt), gateway, url }, bearer);
    const note = readNote(context.home);
    const authority = note?.address === gateway ? `--cacert ${note.caFile} ` : '';
    context.output.note(
      `\nWhoever has this token acts as this device until ${new Date(expiresAt).toLocaleTimeString()}. For example:\n` +
        `  curl ${authority}-H "authorization: Bearer $(sotto token)" -H 'content-type: application/json' -d '{}' \\\n` +
        `    ${url}/sotto.gateway.v1.DeviceService/GetMessages`,
    );
  });
}
