import { GatewayApiError } from '@sotto/gateway-api';
import type { GatewayTransport } from '@sotto/gateway-api';
import { activeDevice } from '@sotto/identity';
import { Chore } from '../core/chore.ts';
import type { Core } from '../core/core.ts';
import { MessengerError } from '../error.ts';
import { noteIncident } from '../incidents.ts';
import type { Sessions } from '../sessions/sessions.ts';
import type { Tx } from '../store/ledger.ts';
import { afterRollback, registerAnew } from './loss.ts';
import { calling, claimName } from './register.ts';
import { Witness } from './witness.ts';
import type { Finding } from './witness.ts';

/**
 * Whether this device and its gateway still know each other as they were: either may have been set back to an earlier
 * state, and a gateway may have lost everything but its identity.
 */
export class Standing {
  /** Takes the account's name back. */
  readonly chore: Chore;
  readonly witness: Witness;
  readonly #core: Core;
  readonly #sessions: Sessions;
  readonly #transport: GatewayTransport;

  constructor(core: Core, sessions: Sessions, transport: GatewayTransport) {
    this.#core = core;
    this.#sessions = sessions;
    this.#transport = transport;
    this.chore = new Chore(core, (signal) => this.#reclaimName(signal));
    this.witness = new Witness({ core, transport, onFinding: (finding, signal) => this.#follow(finding, signal) });
  }

  /** Compares with the gateway, and does what follows. Throws `GatewayApiError`, `MessengerError`. */
  check(signal: AbortSignal): Promise<void> {
    return this.witness.check(signal);
  }

  /**
   * The gateway does not let this device in. `revoked`: it is out, and stays so. `registered`: the gateway had forgotten
   * it. `refused`: neither; trying again later may help. Throws `MessengerError` when nothing was decided.
   */
  async comeBack(signal: AbortSignal): Promise<'registered' | 'refused' | 'revoked'> {
    if (this.#isOut()) return 'revoked';
    try {
      const { isForgotten, follow } = await registerAnew(this.#core, this.#transport, signal);
      if (!isForgotten) return 'refused';
      this.#core.ledger.commit(follow);
      return 'registered';
    } catch (cause) {
      if (!(cause instanceof MessengerError)) throw cause;
      if (cause.code === 'revoked') {
        this.noteRevoked();
        return 'revoked';
      }
      // Others of the account have registered, with statements that are not known here.
      if (cause.code === 'refused') this.#core.bells.ring('chain', this.#core.self.accountRef);
      if (cause.code === 'registration_refused') {
        this.#core.ledger.commit((tx) => noteIncident(tx, this.#core, 'registration-refused'));
      }
      throw cause;
    }
  }

  /**
   * The gateway says that this device is out. A device that has taken out the one that did so, and could not publish it
   * in time, still has its say: the older of the two is heard (docs/decisions/0003).
   */
  async hearRevoked(signal: AbortSignal): Promise<'registered' | 'revoked'> {
    if (this.#core.own.row().unpublished > 0 && !this.#isOut()) {
      try {
        const { chain } = this.#core.own.row();
        await calling(() => this.#transport.device.register({ statements: chain }, { signal }));
        this.#core.ledger.commit((tx) =>
          this.#core.own.update(tx, (row) => {
            row.unpublished = 0;
          }),
        );
        return 'registered';
      } catch (cause) {
        if (!(cause instanceof MessengerError)) throw cause;
        // Refused for good, or not in reach: then it is asked again.
        if (cause.code !== 'revoked' && cause.code !== 'refused') throw cause;
      }
    }
    this.noteRevoked();
    return 'revoked';
  }

  /** Remembers that the gateway said so: it may lose its memory, this device does not. */
  noteRevoked(): void {
    this.#core.ledger.commit((tx) =>
      this.#core.own.update(tx, (row) => {
        row.revoked = true;
      }),
    );
  }

  #isOut(): boolean {
    return this.#core.own.row().revoked || activeDevice(this.#core.own.view, this.#core.self.device) === null;
  }

  async #follow(finding: Finding, signal: AbortSignal): Promise<(tx: Tx) => void> {
    if (finding === 'vault-set-back') return (tx) => afterRollback(tx, this.#core, this.#sessions);
    const { follow } = await registerAnew(this.#core, this.#transport, signal);
    return follow;
  }

  async #reclaimName(signal: AbortSignal): Promise<void> {
    const { wantedName, registered } = this.#core.own.row();
    if (wantedName === '' || !registered) return;
    try {
      await claimName(this.#core, this.#transport, wantedName, signal);
    } catch (cause) {
      if (!(cause instanceof MessengerError) || cause.code !== 'name_taken') throw causeOf(cause);
      this.#core.ledger.commit((tx) => {
        noteIncident(tx, this.#core, 'name-lost');
        this.#core.own.update(tx, (row) => {
          row.accountName = '';
          row.wantedName = '';
        });
      });
      throw cause;
    }
  }
}

/** A chore knows what being offline looks like by the gateway's own error. */
function causeOf(error: unknown): unknown {
  return error instanceof MessengerError && error.cause instanceof GatewayApiError ? error.cause : error;
}
