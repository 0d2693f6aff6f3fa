import { Refusal } from '@sotto/wire';
import type { FollowRequest } from '@sotto/wire';
import {
  FOLLOWS_PER_FRAME,
  FOLLOWS_PER_STREAM,
  FRAME_BYTES,
  LOG_PAGE_ENTRIES,
  STREAM_BUFFER_BYTES,
  STREAM_BUFFER_MESSAGES,
} from '../limits.ts';
import { keyOf } from '../byte-keys.ts';
import type { StoredEntry } from '../ports/group-logs.ts';
import { malformed } from '../refused.ts';
import type { FollowFrame, LogBatch } from './follow-frame.ts';
import { FollowedLog } from './followed-log.ts';
import type { ServiceParts } from './parts.ts';
import type { Peer } from './peer.ts';
import { readId, readNumber } from './requests.ts';
import { DONE, WAIT } from './stream-core.ts';
import type { Attention, Step, StreamCore } from './stream-core.ts';

/** Credit beyond this is not remembered. */
const MAX_CREDIT = 100_000;
/** Logs nobody has looked at yet, beyond which the gateway stops reading. */
const FRESH_LOGS = 1024;
/** Batches in one frame. */
const BATCHES = 64;

interface Waiting {
  readonly followed: FollowedLog;
  readonly record: StoredEntry;
}

type End = { readonly kind: 'closing'; readonly refusal: Refusal } | { readonly kind: 'ended' };

/**
 * A stream that follows logs. Entries come from memory while the reader keeps up, from disk otherwise; none is ever
 * skipped, because what does not fit in memory is read back by position. Sent only against credit, which all its logs
 * share, and those that wait take turns.
 */
export class FollowStream implements StreamCore<FollowRequest, FollowFrame> {
  readonly #parts: ServiceParts;
  readonly #peer: Peer;
  readonly #logs = new Map<string, FollowedLog>();
  /** Logs to look at for the first time, and logs of which there is, or may be, more on disk; in turn. */
  readonly #fresh = new Set<FollowedLog>();
  readonly #behind = new Set<FollowedLog>();
  /** What was appended to the other logs and fits in memory. */
  #buffer: Waiting[] = [];
  #bufferBytes = 0;
  /** Logs that are not followed after all. */
  #refused: LogBatch[] = [];
  #attention: Attention | undefined;
  #credit = 0;
  #pong = 0;
  #end: End | undefined;
  /** The closing frame has been handed over. */
  #closed = false;

  constructor(parts: ServiceParts, peer: Peer) {
    this.#parts = parts;
    this.#peer = peer;
  }

  get saturated(): boolean {
    return this.#end === undefined && this.#fresh.size >= FRESH_LOGS;
  }

  attach(attention: Attention): void {
    this.#attention = attention;
  }

  receive({ follow, unfollow, credit, ping }: FollowRequest): void {
    if (this.#end !== undefined) return;
    if (follow.length + unfollow.length > FOLLOWS_PER_FRAME) {
      throw malformed(`at most ${FOLLOWS_PER_FRAME} logs in a frame`);
    }
    for (const log of unfollow) this.#unfollow(keyOf(readId('LogId', log)));
    for (const { log, after } of follow) this.#follow(readId('LogId', log), readNumber(after));
    this.#credit = Math.min(this.#credit + credit, MAX_CREDIT);
    if (ping !== 0n) this.#pong = readNumber(ping);
    this.#attention?.output();
  }

  ended(): void {
    this.#end ??= { kind: 'ended' };
    this.#attention?.output();
  }

  close(): void {
    this.#end ??= { kind: 'ended' };
    for (const key of this.#logs.keys()) this.#unfollow(key);
    this.#buffer = [];
  }

  /** A reader that has nothing to say is welcome to stay. */
  check(): void {}

  end(refusal: Refusal): void {
    this.#end ??= { kind: 'closing', refusal };
    this.#attention?.output();
  }

  /** Everything there is to say, in one frame. */
  next(): Step<FollowFrame> | Promise<Step<FollowFrame>> {
    if (this.#closed) return DONE;
    if (this.#end !== undefined) return this.#frame([]);
    if (this.#buffer.length > 0 && this.#credit > 0) return this.#frame(this.#take());
    const look = this.#buffer.length === 0 && this.#due() !== undefined;
    return look ? this.#look().then((batches) => this.#frame(batches)) : this.#frame([]);
  }

  #frame(found: readonly LogBatch[]): Step<FollowFrame> {
    const end = this.#end;
    const closing = end?.kind === 'closing' ? end.refusal : Refusal.UNSPECIFIED;
    const batches = this.#refused.length === 0 ? found : [...this.#refused, ...found];
    if (batches.length === 0 && this.#pong === 0 && closing === Refusal.UNSPECIFIED) {
      return end === undefined ? WAIT : DONE;
    }
    const frame = { batches, pong: this.#pong, closing };
    this.#refused = [];
    this.#pong = 0;
    if (closing !== Refusal.UNSPECIFIED) this.#closed = true;
    return { kind: 'frame', frame };
  }

  #follow(log: Uint8Array, after: number): void {
    const key = keyOf(log);
    this.#unfollow(key);
    const { follows, groupLogs } = this.#parts;
    if (this.#logs.size >= FOLLOWS_PER_STREAM || !follows.take(this.#peer.caller)) {
      this.#refuse(log, Refusal.QUOTA);
      return;
    }
    // A copy: the id is a view of the frame that brought it.
    const followed = new FollowedLog(new Uint8Array(log), after, (self, record) => this.#appended(self, record));
    followed.stopListening = groupLogs.listen(log, followed);
    this.#logs.set(key, followed);
    this.#fresh.add(followed);
  }

  #unfollow(key: string): void {
    const followed = this.#logs.get(key);
    if (followed === undefined) return;
    followed.over = true;
    followed.stopListening?.();
    this.#logs.delete(key);
    this.#fresh.delete(followed);
    this.#behind.delete(followed);
    this.#parts.follows.give(this.#peer.caller);
  }

  #refuse(log: Uint8Array, refusal: Refusal): void {
    this.#refused.push({ log: new Uint8Array(log), records: [], extent: null, caughtUp: false, refusal });
  }

  #appended(followed: FollowedLog, record: StoredEntry): void {
    if (this.#fresh.has(followed) || this.#behind.has(followed)) return;
    if (this.#credit === 0 || record.position !== followed.cursor + 1 || this.#isFull(record)) {
      this.#behind.add(followed);
    } else {
      followed.cursor = record.position;
      this.#buffer.push({ followed, record });
      this.#bufferBytes += record.entry.length;
    }
    this.#attention?.output();
  }

  #isFull({ entry }: StoredEntry): boolean {
    return (
      this.#buffer.length >= STREAM_BUFFER_MESSAGES ||
      (this.#buffer.length > 0 && this.#bufferBytes + entry.length > STREAM_BUFFER_BYTES)
    );
  }

  /** What waits in memory, as far as credit and a frame go. */
  #take(): LogBatch[] {
    const records = new Map<FollowedLog, StoredEntry[]>();
    let count = 0;
    let bytes = 0;
    for (const { followed, record } of this.#buffer) {
      if (this.#credit === 0 || (bytes > 0 && bytes + record.entry.length > FRAME_BYTES)) break;
      count++;
      this.#bufferBytes -= record.entry.length;
      if (followed.over) continue;
      bytes += record.entry.length;
      this.#credit--;
      const own = records.get(followed);
      if (own === undefined) records.set(followed, [record]);
      else own.push(record);
    }
    this.#buffer = count === this.#buffer.length ? [] : this.#buffer.slice(count);
    return [...records].map(([{ log }, own]) => ({
      log,
      records: own,
      extent: null,
      caughtUp: false,
      refusal: Refusal.UNSPECIFIED,
    }));
  }

  /** Whose turn it is. Without credit just to see, once, whether there is anything. */
  #due(): FollowedLog | undefined {
    const [fresh] = this.#fresh;
    if (fresh !== undefined) return fresh;
    const [behind] = this.#behind;
    return this.#credit > 0 ? behind : undefined;
  }

  /** Reads what those whose turn it is have on disk. */
  async #look(): Promise<LogBatch[]> {
    const batches: LogBatch[] = [];
    let bytes = 0;
    while (bytes < FRAME_BYTES && batches.length < BATCHES && this.#end === undefined) {
      const followed = this.#due();
      if (followed === undefined) break;
      const batch = await this.#read(followed, FRAME_BYTES - bytes);
      if (batch === null) continue;
      batches.push(batch);
      for (const { entry } of batch.records) bytes += entry.length;
    }
    this.#attention?.room();
    return batches;
  }

  /** Null: there is nothing to say about it. */
  async #read(followed: FollowedLog, bytes: number): Promise<LogBatch | null> {
    this.#fresh.delete(followed);
    this.#behind.delete(followed);
    followed.reading = true;
    followed.missed = false;
    const limit = Math.min(Math.max(this.#credit, 1), LOG_PAGE_ENTRIES);
    const { log } = followed;
    const page = await this.#parts.groupLogs.read(log, followed.cursor, limit, bytes);
    followed.reading = false;
    if (followed.over) return null;
    if (page === null) {
      this.#unfollow(keyOf(log));
      this.#refuse(log, Refusal.NOT_FOUND);
      return null;
    }
    const records = this.#credit > 0 ? page.records : [];
    this.#credit -= records.length;
    const { news, caughtUp } = followed.advance(page, records);
    if (page.more || followed.missed || records.length < page.records.length) this.#behind.add(followed);
    if (!news && !caughtUp && records.length === 0) return null;
    return { log, records, extent: news ? page.extent : null, caughtUp, refusal: Refusal.UNSPECIFIED };
  }
}
