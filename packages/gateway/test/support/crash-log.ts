import assert from 'node:assert/strict';
import { connectGateway } from '@sotto/gateway-api';
import type { DeviceConnection, GatewayConnection } from '@sotto/gateway-api';
import { systemClock } from '@sotto/transport';
import { decodeLogPost } from '@sotto/wire';
import { createEpoch, randomLog, testPost } from './group-log.ts';
import type { TestEpoch } from './group-log.ts';

const nameOf = (entry: Uint8Array): string => Buffer.from(entry.subarray(-16)).toString('hex');

/** A group's log under load, and what the gateway has said of it. */
export class CrashLog {
  readonly #log = randomLog();
  #epoch = createEpoch();
  #after = 0;
  #pending: { readonly next: TestEpoch; readonly post: Uint8Array } | undefined;
  /** Names of entries by the position that the gateway gave them. */
  readonly #acknowledged = new Map<number, string>();
  #created = false;

  get acknowledged(): number {
    return this.#acknowledged.size;
  }

  async create(device: DeviceConnection): Promise<void> {
    if (this.#created) return;
    await device.createLog(this.#log, this.#epoch.key);
    this.#created = true;
  }

  /** Appends messages, and now and then a commit, until the signal aborts. */
  async load(address: string, ending: AbortSignal): Promise<void> {
    const gateway = connectGateway({ address, clock: systemClock });
    const messages = async (): Promise<void> => {
      while (!ending.aborted) await this.#post(gateway, testPost({ log: this.#log, epoch: this.#epoch }), ending);
    };
    await Promise.all([messages(), messages(), this.#commits(gateway, ending)]);
    await gateway.close();
  }

  /** Everything acknowledged is in its place, nothing is there twice, and positions have no gap. */
  async check(address: string): Promise<void> {
    const gateway = connectGateway({ address, clock: systemClock });
    const names: string[] = [];
    for (let more = true; more;) {
      const page = await gateway.readLog({ log: this.#log, after: names.length });
      for (const { position, entry } of page.records) {
        names.push(nameOf(entry));
        assert.equal(position, names.length);
      }
      more = page.more;
    }
    assert.equal(new Set(names).size, names.length, 'an entry is there twice');
    for (const [position, name] of this.#acknowledged) assert.equal(names[position - 1], name);
    await gateway.close();
  }

  /** An epoch follows the other; a commit whose answer was lost is posted again, byte for byte, until it is known. */
  async #commits(gateway: GatewayConnection, ending: AbortSignal): Promise<void> {
    while (!ending.aborted) {
      const { next, post } = (this.#pending ??= this.#commit());
      const position = await this.#post(gateway, post, ending);
      if (position === null) continue;
      this.#pending = undefined;
      this.#epoch = next;
      this.#after = position;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  #commit(): { readonly next: TestEpoch; readonly post: Uint8Array } {
    const next = createEpoch();
    const post = testPost({
      log: this.#log,
      epoch: this.#epoch,
      kind: 'commit',
      successor: next.key,
      after: this.#after,
    });
    return { next, post };
  }

  /** Null: it is not known whether the gateway has it. */
  async #post(gateway: GatewayConnection, post: Uint8Array, signal: AbortSignal): Promise<number | null> {
    try {
      const { position } = await gateway.append(post, { signal });
      this.#acknowledged.set(position, nameOf(decodeLogPost(post).entry.bytes));
      return position;
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 2));
      return null;
    }
  }
}
