import type { DatabaseSync, StatementSync } from 'node:sqlite';

/** What a request token can be spent on, once for each device of its account. */
export type TokenPurpose = 'bundle' | 'post' | 'key-package';

const PURPOSE = { bundle: 1, post: 2, 'key-package': 3 } as const;

/** Which request tokens were spent on which device. */
export class TokenUses {
  readonly #sql: Record<'account' | 'used' | 'use', StatementSync>;

  constructor(database: DatabaseSync) {
    this.#sql = {
      account: database.prepare('SELECT no FROM accounts WHERE account = ?'),
      used: database.prepare(
        `SELECT 1 FROM request_token_uses WHERE expires_at = ? AND token = ? AND device_no = ? AND purpose = ?`,
      ),
      use: database.prepare(
        'INSERT INTO request_token_uses (expires_at, token, device_no, purpose) VALUES (?, ?, ?, ?)',
      ),
    };
  }

  /** True when a token for `account` concerns the account with this number. */
  opens(account: Uint8Array, accountNo: number): boolean {
    return Number(this.#sql.account.get(account)?.['no'] ?? -1) === accountNo;
  }

  used(purpose: TokenPurpose, token: Uint8Array, deviceNo: number, expiresAt: number): boolean {
    return this.#sql.used.get(expiresAt, token, deviceNo, PURPOSE[purpose]) !== undefined;
  }

  use(purpose: TokenPurpose, token: Uint8Array, deviceNo: number, expiresAt: number): void {
    this.#sql.use.run(expiresAt, token, deviceNo, PURPOSE[purpose]);
  }
}
