import { Refusal } from '@sotto/wire';
import { Refused } from '../refused.ts';
import type { Sql } from './sql.ts';

const NONE = new Uint8Array(0);

/** What devices left to notice by that they were set back: bytes nobody here understands, one a device. */
export class WitnessStore {
  readonly #sql: Sql;

  constructor(sql: Sql) {
    this.#sql = sql;
  }

  /** Empty: none. */
  read(deviceNo: number): Uint8Array {
    const { build } = this.#sql;
    const query = build.selectFrom('witnesses').select('witness').where('device_no', '=', deviceNo);
    return this.#sql.first(query)?.witness ?? NONE;
  }

  /** Inside an operation of the group commit. Throws `Refused` `CONFLICT`. */
  replace(deviceNo: number, expected: Uint8Array, witness: Uint8Array): void {
    const known = this.read(deviceNo);
    if (Buffer.compare(known, witness) === 0) return;
    if (Buffer.compare(known, expected) !== 0) throw new Refused(Refusal.CONFLICT, 'the witness is another one');
    const { build } = this.#sql;
    const row = { device_no: deviceNo, witness };
    this.#sql.run(
      build
        .insertInto('witnesses')
        .values(row)
        .onConflict((conflict) => conflict.column('device_no').doUpdateSet({ witness })),
    );
  }
}
