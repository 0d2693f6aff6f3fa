import { statSync } from 'node:fs';
import { basename, resolve } from 'node:path';
import type { OutgoingAttachment } from '@sotto/client';
import type { CliContext } from '../context.ts';
import { CliError } from '../error.ts';
import { exitCodes } from '../exit-codes.ts';
import { cleanName } from '../output/clean.ts';
import { sizeText } from '../people/describe-attachment.ts';
import { findMessage } from '../people/find-message.ts';
import { Places } from '../people/places.ts';
import { attachmentShape } from '../people/shapes.ts';
import { withMessenger } from '../profile/open.ts';
import { syncOnce } from '../sync.ts';
import { patienceOf, Sending } from './sending.ts';
import type { WaitOptions } from './sending.ts';

export interface AttachOptions extends WaitOptions {
  readonly text?: string;
  readonly keepMetadata?: boolean;
  readonly voice?: boolean;
}

/** `sotto attach WHO FILE…`: gives the exit code (`ok` or `waiting`). */
export async function attach(
  context: CliContext,
  who: string,
  files: readonly string[],
  options: AttachOptions,
): Promise<number> {
  const patience = patienceOf(options);
  const attachments = files.map((file): OutgoingAttachment => {
    const path = resolve(file);
    if (statSync(path, { throwIfNoEntry: false })?.isFile() !== true) {
      throw new CliError('not_found', `There is no file ${cleanName(file)}.`);
    }
    return {
      source: path,
      name: basename(path),
      ...(options.keepMetadata === true ? { metadata: 'keep' } : {}),
      ...(options.voice === true ? { voice: true } : {}),
    };
  });
  return await withMessenger(context, async (messenger) => {
    const place = (await Places.load(messenger)).find(who);
    const sending = new Sending(context, messenger, place, patience);
    await sending.send({ kind: 'text', text: options.text ?? '', attachments });
    return await sending.finish();
  });
}

/** `sotto save MESSAGE [--to FOLDER] [--only N]`: gives the exit code. */
export async function save(
  context: CliContext,
  id: string,
  options: { readonly to: string; readonly only?: string; readonly overwrite?: boolean },
): Promise<number> {
  const only = options.only === undefined ? null : Number(options.only) - 1;
  if (only !== null && !(Number.isInteger(only) && only >= 0)) {
    throw new CliError('usage', '--only takes the number of an attachment, from 1.');
  }
  return await withMessenger(context, async (messenger) => {
    await syncOnce(messenger, context);
    const message = await messenger.message(await findMessage(messenger, id));
    const all = message?.body.kind === 'text' ? message.body.attachments : [];
    const chosen = only === null ? all : all.filter(({ index }) => index === only);
    if (message === null || chosen.length === 0) {
      throw new CliError('not_found', 'There is no such attachment in this message.');
    }
    for (const info of chosen) {
      const saved = await messenger.attachment(message.id, info.index).download(resolve(options.to), {
        signal: context.signal,
        overwrite: options.overwrite === true,
      });
      const warning = saved.asDescribed
        ? ''
        : ` It is not what its sender called it (${cleanName(saved.contentType)}): take care.`;
      context.output.result(
        { message: message.id, ...attachmentShape(info), path: saved.path, asDescribed: saved.asDescribed },
        `${cleanName(saved.path)} (${sizeText(info.size)}).${warning}`,
      );
    }
    return exitCodes.ok.exit;
  });
}
