import type { Generated } from 'kysely';

/** Tables as kysely sees them; migrations.ts says what they are for. */
export interface Schema {
  accounts: { no: Generated<number>; account: Uint8Array; statements: number; chain_bytes: number; created_at: number };
  account_names: { name: string; account_no: number; claimed_at: number };
  statements: { account_no: number; position: number; sequence: number; bytes: Uint8Array };
  devices: {
    no: Generated<number>;
    account_no: number;
    device: Uint8Array;
    ed25519: Uint8Array;
    mailbox: Uint8Array;
    highest_one_time: Generated<number>;
    highest_one_time_kem: Generated<number>;
    registered_at: number;
    revoked_at: number | null;
  };
  mailbox_counters: { device_no: number; next_sequence: number };
  messages: {
    no: Generated<number>;
    device_no: number;
    sequence: number;
    queue: number;
    stored_at_ms: number;
    expires_hour: number;
    envelope: Uint8Array;
  };
  seen: { expires_hour: number; device_no: number; id: Uint8Array };
  capabilities: {
    hash: Uint8Array;
    device_no: number;
    daily_quota: number;
    day: Generated<number>;
    used: Generated<number>;
    bundles: Generated<number>;
  };
  request_token_uses: { expires_at: number; token: Uint8Array; device_no: number; purpose: number };
  lasting_prekeys: { device_no: number; kind: number; id: number; bytes: Uint8Array };
  witnesses: { device_no: number; witness: Uint8Array };
  one_time_prekeys: { device_no: number; kind: number; id: number; expires_at: number; bytes: Uint8Array };
  key_packages: { device_no: number; id: number; expires_at: number; bytes: Uint8Array };
  key_package_marks: { device_no: number; highest: number };
}
