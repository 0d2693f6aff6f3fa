import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { Refusal } from '@sotto/wire';
import type { Clock } from '../clock.ts';
import type { Limits } from '../limits.ts';
import type { DeliveryPage, MailboxListener, Mailboxes, Post } from '../ports/mailboxes.ts';
import type { DeviceRef, PostOutcome, QueueName, StoredDelivery } from '../ports/types.ts';
import type { GroupCommit } from './group-commit.ts';
import type { Listeners } from './listeners.ts';
import type { Box, Capability, MailboxState } from './mailbox-state.ts';
import type { TokenUses } from './token-uses.ts';

const QUEUE_CONTACTS = 1;
const QUEUE_REQUESTS = 2;
const STORED: PostOutcome = { kind: 'stored' };
const DUPLICATE: PostOutcome = { kind: 'duplicate' };
const HOUR_MS = 3_600_000;
const DAY_MS = 86_400_000;
/** First half of an EnvelopeId: collisions cost 2^64 hashes and hurt only who makes them. */
const SEEN_ID_BYTES = 16;

export interface EmbeddedMailboxesParts {
  readonly database: DatabaseSync;
  readonly commits: GroupCommit;
  readonly state: MailboxState;
  readonly listeners: Listeners;
  readonly tokenUses: TokenUses;
  readonly clock: Clock;
  readonly limits: Limits;
}

/** `Mailboxes` on SQLite. */
export class EmbeddedMailboxes implements Mailboxes {
  readonly #parts: EmbeddedMailboxesParts;
  readonly #sql: Record<'insertMessage' | 'insertSeen' | 'selectSeen' | 'remove' | 'count' | 'page', StatementSync>;

  constructor(parts: EmbeddedMailboxesParts) {
    this.#parts = parts;
    const { database } = parts;
    this.#sql = {
      insertMessage: database.prepare(
        `INSERT INTO messages (device_no, sequence, queue, stored_at_ms, expires_hour, envelope)
         VALUES (?, ?, ?, ?, ?, ?)`,
      ),
      insertSeen: database.prepare(
        'INSERT INTO seen (expires_hour, device_no, id) VALUES (?, ?, ?) ON CONFLICT DO NOTHING',
      ),
      selectSeen: database.prepare('SELECT 1 FROM seen WHERE expires_hour = ? AND device_no = ? AND id = ?'),
      remove: database.prepare('DELETE FROM messages WHERE device_no = ? AND sequence = ?'),
      count: database.prepare(
        'SELECT COUNT(*) AS n FROM messages WHERE device_no = ? AND queue = ? AND expires_hour > ?',
      ),
      page: database.prepare(
        `SELECT sequence, queue, stored_at_ms, envelope FROM messages
         WHERE device_no = ? AND sequence > ? AND expires_hour > ? ORDER BY sequence LIMIT ?`,
      ),
    };
  }

  post(post: Post): Promise<PostOutcome> {
    return this.#parts.commits.run(() => this.#post(post), post.envelope.length, 'nothing-written');
  }

  read(device: DeviceRef, afterSequence: number, limit: number, bytes: number): Promise<DeliveryPage> {
    const deliveries: StoredDelivery[] = [];
    let size = 0;
    let more = false;
    for (const row of this.#sql.page.iterate(device.no, afterSequence, this.#hour(), limit + 1)) {
      more = deliveries.length >= limit || size >= bytes;
      if (more) break;
      const envelope = row['envelope'] as Uint8Array;
      deliveries.push({
        sequence: Number(row['sequence']),
        envelope,
        queue: queueName(Number(row['queue'])),
        storedAt: Number(row['stored_at_ms']),
      });
      size += envelope.length;
    }
    return Promise.resolve({ deliveries, more });
  }

  acknowledge(device: DeviceRef, sequences: readonly number[]): Promise<void> {
    const remove = (): void => {
      let removed = 0;
      for (const sequence of sequences) removed += Number(this.#sql.remove.run(device.no, sequence).changes);
      const box = this.#parts.state.remembered(device.no);
      if (box !== undefined) box.messages -= removed;
    };
    return this.#parts.commits.run(remove, sequences.length * 8, 'nothing-written');
  }

  listen(device: DeviceRef, listener: MailboxListener): () => void {
    return this.#parts.listeners.listen(device.no, listener);
  }

  #hour(): number {
    return Math.floor(this.#parts.clock.now() / HOUR_MS);
  }

  #post(post: Post): PostOutcome {
    const { state, limits } = this.#parts;
    const box = state.box(post.mailbox);
    const { admission } = post;
    let capability: Capability | undefined;
    if (admission.kind === 'capability') {
      capability = state.capability(admission.hash);
      if (box === undefined || capability?.deviceNo !== box.deviceNo) return refused(Refusal.CAPABILITY);
    } else if (box === undefined || !this.#parts.tokenUses.opens(admission.account, box.accountNo)) {
      return refused(Refusal.NOT_FOUND);
    }
    if (box.revoked) return refused(Refusal.REVOKED);

    const expiresHour = Math.floor((post.expiresAt * 1000) / HOUR_MS);
    const seenId = post.id.subarray(0, SEEN_ID_BYTES);
    const obstacle =
      admission.kind === 'capability'
        ? (this.#quotaLeft(capability) ?? this.#room(box, QUEUE_CONTACTS, limits.mailboxMessages))
        : (this.#tokenLeft(admission.id, box, admission.expiresAt) ??
          this.#room(box, QUEUE_REQUESTS, limits.mailboxRequests));
    if (obstacle !== null) {
      // A sender that repeats what it has already delivered must learn that, whatever else is used up by now.
      const seen = this.#sql.selectSeen.get(expiresHour, box.deviceNo, seenId) !== undefined;
      return seen ? DUPLICATE : obstacle;
    }
    if (this.#sql.insertSeen.run(expiresHour, box.deviceNo, seenId).changes === 0) return DUPLICATE;
    return this.#store(post, box, capability, expiresHour);
  }

  #store(post: Post, box: Box, capability: Capability | undefined, expiresHour: number): PostOutcome {
    const { state, listeners, clock, tokenUses } = this.#parts;
    const queue = capability === undefined ? QUEUE_REQUESTS : QUEUE_CONTACTS;
    const storedAt = clock.now();
    const sequence = box.nextSequence;
    this.#sql.insertMessage.run(box.deviceNo, sequence, queue, storedAt, expiresHour, post.envelope);
    if (post.admission.kind === 'request-token') {
      tokenUses.use('post', post.admission.id, box.deviceNo, post.admission.expiresAt);
    }
    // Remembered state last: nothing below can throw.
    box.nextSequence = sequence + 1;
    box.messages++;
    state.boxChanged(box);
    if (capability !== undefined) {
      capability.used++;
      state.capabilityChanged(capability);
    }
    const delivery = { sequence, envelope: post.envelope, queue: queueName(queue), storedAt };
    listeners.announce({ kind: 'stored', deviceNo: box.deviceNo, delivery });
    return STORED;
  }

  #quotaLeft(capability: Capability | undefined): PostOutcome | null {
    if (capability === undefined) return refused(Refusal.CAPABILITY);
    const now = this.#parts.clock.now();
    const day = Math.floor(now / DAY_MS);
    if (capability.day !== day) {
      capability.day = day;
      capability.used = 0;
      capability.bundles = 0;
    }
    return capability.used < capability.dailyQuota ? null : refused(Refusal.QUOTA, (day + 1) * DAY_MS - now);
  }

  #tokenLeft(token: Uint8Array, box: Box, expiresAt: number): PostOutcome | null {
    return this.#parts.tokenUses.used('post', token, box.deviceNo, expiresAt) ? refused(Refusal.QUOTA) : null;
  }

  /** The two queues are counted apart only when both together could be too many. */
  #room(box: Box, queue: number, limit: number): PostOutcome | null {
    if (box.messages < limit) return null;
    const live = Number(this.#sql.count.get(box.deviceNo, queue, this.#hour())?.['n']);
    return live < limit ? null : refused(Refusal.MAILBOX_FULL);
  }
}

function queueName(queue: number): QueueName {
  return queue === QUEUE_CONTACTS ? 'contacts' : 'requests';
}

function refused(refusal: Refusal, retryAfterMs = 0): PostOutcome {
  return { kind: 'refused', refusal, retryAfterMs };
}
