import type { Mailboxes, MailboxListener, Post, PostOutcome, StoredDelivery } from '@sotto/gateway';
import { idHex } from '@sotto/wire';
import type { Process } from '../time/process.ts';

/** What may happen to one envelope at a gateway that cannot be trusted to do its work. */
export type Prank =
  /** Said to be stored, and is not. */
  | { readonly kind: 'lose' }
  /** Said to be stored, and comes later, behind others. */
  | { readonly kind: 'hold'; readonly ms: number }
  /** Handed over twice. */
  | { readonly kind: 'repeat' };

export interface MischiefOptions {
  readonly process: Process;
  /** Decides about each envelope; null: nothing happens to it. */
  readonly prank: (post: Post) => Prank | null;
  /** Sees what the gateway says to each post. */
  readonly onPost: (post: Post, outcome: PostOutcome) => void;
  /** Sees what a device says it has. */
  readonly onAcknowledged: (device: Uint8Array, envelope: Uint8Array) => void;
}

/** Mailboxes that lose, delay, reorder and repeat. Everything else is done by the real ones. */
export function mischievous(real: Mailboxes, options: MischiefOptions): Mailboxes {
  const { process, prank, onPost, onAcknowledged } = options;
  const repeated = new Set<string>();
  const twice = (listener: MailboxListener): MailboxListener => ({
    stored: (delivery: StoredDelivery) => {
      listener.stored(delivery);
      if (repeated.delete(idHex(delivery.envelope))) listener.stored(delivery);
    },
    prekeysLow: (stock) => listener.prekeysLow(stock),
    closing: (refusal) => listener.closing(refusal),
  });
  return {
    async post(post) {
      const outcome = await treat(post);
      process.run(() => onPost(post, outcome));
      return outcome;
    },
    read: (device, after, limit, bytes) => real.read(device, after, limit, bytes),
    async acknowledge(device, sequences) {
      for (const sequence of sequences) {
        const { deliveries } = await real.read(device, sequence - 1, 1, 1);
        const [delivery] = deliveries;
        if (delivery?.sequence === sequence) process.run(() => onAcknowledged(device.device, delivery.envelope));
      }
      await real.acknowledge(device, sequences);
    },
    listen: (device, listener) => real.listen(device, twice(listener)),
  };

  async function treat(post: Post): Promise<PostOutcome> {
    const chosen = prank(post);
    if (chosen?.kind === 'lose') return { kind: 'stored' };
    if (chosen?.kind === 'hold') {
      const late = { ...post, envelope: new Uint8Array(post.envelope) };
      process.clock.after(chosen.ms, () => void real.post(late).catch(() => undefined));
      return { kind: 'stored' };
    }
    if (chosen?.kind === 'repeat') repeated.add(idHex(post.envelope));
    return real.post(post);
  }
}
