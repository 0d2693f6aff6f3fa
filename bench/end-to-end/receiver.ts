/** The other client: accepts whoever asks, and tells its parent when a message has arrived, been stored and been told. */
import { openClient } from './client.ts';

const [, , folder = '', gateway = ''] = process.argv;
const messenger = await openClient(folder, gateway, 'receiver');
messenger.events.on('message-received', ({ message }) => {
  const at = process.hrtime.bigint().toString();
  process.send?.({ kind: 'received', id: message.id, at } satisfies ReceiverAnswer);
});
process.once('disconnect', () => void messenger.close());
process.send?.({ kind: 'ready', link: await messenger.contactLink() } satisfies ReceiverAnswer);

export type ReceiverAnswer =
  | { readonly kind: 'ready'; readonly link: string }
  /** `at`: nanoseconds of the machine's monotonic clock, which all its processes share. */
  | { readonly kind: 'received'; readonly id: string; readonly at: string };
