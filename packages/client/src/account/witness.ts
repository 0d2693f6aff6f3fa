import { create } from '@bufbuild/protobuf';
import { GatewayApiError } from '@sotto/gateway-api';
import type { GatewayTransport } from '@sotto/gateway-api';
import { StoredWitnessSchema } from '@sotto/wire/stored';
import type { StoredWitness } from '@sotto/wire/stored';
import { Alarm } from '../core/alarm.ts';
import type { Core } from '../core/core.ts';
import type { Tx } from '../store/ledger.ts';
import { SELF, witnesses } from '../store/tables.ts';
import { openWitness, sealWitness, WITNESS_KEY_BYTES } from './witness-seal.ts';
import type { WitnessKey } from './witness-seal.ts';

/** While there is news, the number is taken on this often: how much of its life a copy can miss unnoticed. */
const REPORT_MS = 30_000;
/** ms for the last report when the messenger closes. */
const FAREWELL_MS = 1000;
/** Findings in one check; each is followed by another try, and more mean that somebody else writes there all the time. */
const MOST_FINDINGS = 4;

/** Who was set back, as far as the number left at the gateway tells. */
export type Finding = 'gateway-set-back' | 'vault-set-back';

export interface WitnessParts {
  readonly core: Core;
  readonly transport: GatewayTransport;
  /** Does what has to follow; what it writes is stored together with the finding. */
  readonly onFinding: (finding: Finding, signal: AbortSignal) => Promise<(tx: Tx) => void>;
}

/**
 * The number that this device keeps at its gateway and takes on as it goes. If the gateway's is not the one this vault
 * left, the one or the other was set back to an earlier state, or the vault has a twin that went on without it.
 */
export class Witness {
  readonly #parts: WitnessParts;
  readonly #alarm: Alarm;
  #isOnline = false;
  #isDue = false;
  #busy: Promise<void> = Promise.resolve();

  constructor(parts: WitnessParts) {
    this.#parts = parts;
    this.#alarm = new Alarm(parts.core, () => this.#report());
    parts.core.bells.on('heard', () => this.#news());
    parts.core.bells.on('outbound', () => this.#news());
  }

  /** Compares, after (re)connecting. Throws `GatewayApiError`. */
  async check(signal: AbortSignal): Promise<void> {
    this.#isOnline = true;
    await this.#serially(() => this.#settle({ signal }));
  }

  offline(): void {
    this.#isOnline = false;
    this.#alarm.clear();
  }

  /** Leaves the last number, so that a copy made from now on is noticed too. Best effort. */
  async close(): Promise<void> {
    this.#alarm.clear();
    if (!this.#isOnline || !this.#isDue) return;
    await this.#serially(() => this.#settle({ deadlineMs: FAREWELL_MS })).catch(() => undefined);
  }

  #news(): void {
    if (this.#isDue || !this.#isOnline) return;
    this.#isDue = true;
    this.#alarm.set(this.#parts.core.clock.now() + REPORT_MS);
  }

  #report(): void {
    const { background } = this.#parts.core;
    if (!this.#isOnline) return;
    background.start(async (signal) => {
      try {
        await this.#serially(() => this.#settle({ signal }));
      } catch (cause) {
        // The next connection compares anyway.
        if (!(cause instanceof GatewayApiError)) throw cause;
      }
    });
  }

  #serially(task: () => Promise<void>): Promise<void> {
    this.#busy = this.#busy.catch(() => undefined).then(task);
    return this.#busy;
  }

  async #settle(options: { readonly signal?: AbortSignal; readonly deadlineMs?: number }): Promise<void> {
    const { core, transport, onFinding } = this.#parts;
    this.#isDue = false;
    for (let findings = 0; findings < MOST_FINDINGS;) {
      const { row, isOld } = this.#prepare();
      try {
        await transport.device.replaceWitness(row.current, row.next, options);
        core.ledger.commit((tx) => this.#put(tx, { current: row.next, next: NONE }));
        // What was sent in an earlier life proves little: a copy would have sent the same.
        if (!isOld) return;
      } catch (cause) {
        if (!(cause instanceof GatewayApiError) || cause.code !== 'conflict') throw cause;
        findings++;
        const there = await transport.device.witness(options);
        const { finding, number } = judge(this.#keyOf(row), row, there);
        const follow = await onFinding(finding, options.signal ?? core.background.signal);
        core.ledger.commit((tx) => {
          follow(tx);
          this.#put(tx, { current: there, next: NONE, number });
        });
      }
    }
  }

  /** The number to be left next, on disk before it is sent. */
  #prepare(): { readonly row: StoredWitness; readonly isOld: boolean } {
    const { core } = this.#parts;
    const stored = core.ledger.read((read) => witnesses.get(read, SELF));
    if (stored !== null && stored.next.length > 0) return { row: stored, isOld: true };
    const row = stored ?? create(StoredWitnessSchema, { key: core.provider.random(WITNESS_KEY_BYTES) });
    row.number++;
    row.next = sealWitness(this.#keyOf(row), row.number);
    core.ledger.commit(({ write }) => witnesses.put(write, SELF, row));
    return { row, isOld: false };
  }

  #put(tx: Tx, change: Partial<Pick<StoredWitness, 'current' | 'next' | 'number'>>): void {
    const row = witnesses.need(tx.write, SELF);
    Object.assign(row, change);
    witnesses.put(tx.write, SELF, row);
  }

  #keyOf({ key }: StoredWitness): WitnessKey {
    const { provider, self } = this.#parts.core;
    return { provider, key, device: self.device };
  }
}

const NONE = new Uint8Array(0);

/** The gateway has begun anew, and this device with it. */
export function forgetWitness(tx: Tx): void {
  const row = witnesses.get(tx.write, SELF);
  if (row !== null) witnesses.put(tx.write, SELF, { ...row, current: NONE, next: NONE });
}

function judge(
  key: WitnessKey,
  row: StoredWitness,
  there: Uint8Array,
): { readonly finding: Finding; readonly number: bigint } {
  if (there.length === 0) return { finding: 'gateway-set-back', number: row.number };
  // Under a key that is not known here: this vault is older than the first number that was left.
  const left = openWitness(key, there);
  if (left === null) return { finding: 'vault-set-back', number: row.number };
  // `row.number` was about to be left, in place of the one before. The same number in another seal is a twin's.
  const finding = left < row.number - 1n ? 'gateway-set-back' : 'vault-set-back';
  return { finding, number: left > row.number ? left : row.number };
}
