import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { inspect } from 'node:util';
import { DEFAULT_LIMITS, GatewayError, parseGatewayConfig } from '@sotto/gateway';
import { VERSION } from '../src/version.ts';

const base = { SOTTO_GATEWAY_DATA: '/data' };

function faultOf(settings: Record<string, string>): string {
  try {
    parseGatewayConfig({ ...base, ...settings });
  } catch (error) {
    assert.ok(error instanceof GatewayError);
    assert.equal(error.code, 'config');
    return error.message;
  }
  return assert.fail('accepted');
}

test('R-GW-3 a data folder is all a gateway needs to be told', () => {
  const { config, secrets } = parseGatewayConfig(base);
  assert.deepEqual(config.listen, { host: '0.0.0.0', port: 7443 });
  assert.deepEqual(config.limits, DEFAULT_LIMITS);
  assert.deepEqual(config.identity, { kind: 'managed' });
  assert.deepEqual(config.registration, { kind: 'open' });
  assert.deepEqual(secrets.registrationCodes, []);
});

test('R-GW-2 limits are configurable', () => {
  const { limits } = parseGatewayConfig({
    ...base,
    SOTTO_GATEWAY_MAILBOX_MESSAGES: '5',
    SOTTO_GATEWAY_RETENTION_DAYS: '2',
    SOTTO_GATEWAY_LOG_MIB: '8',
    SOTTO_GATEWAY_LOG_COMMIT_KIB: '2048',
    SOTTO_GATEWAY_LOG_RETENTION_DAYS: '10',
  }).config;
  assert.equal(limits.mailboxMessages, 5);
  assert.equal(limits.retentionSeconds, 172_800);
  assert.equal(limits.logBytes, 8 * 2 ** 20);
  assert.equal(limits.logCommitBytes, 2 * 2 ** 20);
  assert.equal(limits.logRetentionSeconds, 864_000);
});

test('partial, contradictory and misspelt settings stop the start and say which', () => {
  assert.match(faultOf({ SOTTO_GATEWAY_DATA: '' }), /SOTTO_GATEWAY_DATA/);
  assert.match(faultOf({ SOTTO_GATEWAY_LISTN: 'x' }), /SOTTO_GATEWAY_LISTN/);
  assert.match(faultOf({ SOTTO_GATEWAY_LISTEN: '127.0.0.1' }), /host:port/);
  assert.match(faultOf({ SOTTO_GATEWAY_LISTEN: '127.0.0.1:70000' }), /host:port/);
  assert.match(faultOf({ SOTTO_GATEWAY_LISTEN: 'no host:1' }), /LISTEN/);
  assert.match(faultOf({ SOTTO_GATEWAY_ADDRESS: 'example.org:0' }), /ADDRESS/);
  assert.match(faultOf({ SOTTO_GATEWAY_REGISTRATION: 'maybe' }), /open, code or closed/);
  assert.match(faultOf({ SOTTO_GATEWAY_REGISTRATION: 'code' }), /REGISTRATION_CODES/);
  assert.match(faultOf({ SOTTO_GATEWAY_REGISTRATION_CODES: 'a long code' }), /REGISTRATION=code/);
  const short = faultOf({ SOTTO_GATEWAY_REGISTRATION: 'code', SOTTO_GATEWAY_REGISTRATION_CODES: 'hunter2' });
  assert.match(short, /8 characters/);
  assert.ok(!short.includes('hunter2'));
  assert.match(faultOf({ SOTTO_GATEWAY_IDENTITY: 'offline' }), /AUTHORITY_FILE/);
  assert.match(faultOf({ SOTTO_GATEWAY_TLS_KEY_FILE: 'k' }), /IDENTITY=offline/);
  assert.match(faultOf({ SOTTO_GATEWAY_PUBLIC_KEY_FILE: 'k' }), /go together/);
  assert.match(faultOf({ SOTTO_GATEWAY_MAILBOX_MESSAGES: '0' }), /MAILBOX_MESSAGES/);
  assert.match(faultOf({ SOTTO_GATEWAY_MAILBOX_MESSAGES: '1e3' }), /MAILBOX_MESSAGES/);
  assert.match(faultOf({ SOTTO_GATEWAY_CONNECTIONS: '10' }), /CONNECTIONS_PER_ADDRESS/);
  assert.match(faultOf({ SOTTO_GATEWAY_LOG_MIB: '2' }), /LOG_MIB/);
  assert.match(faultOf({ SOTTO_GATEWAY_LOG_COMMIT_KIB: '8192' }), /LOG_COMMIT_KIB/);
  assert.match(faultOf({ SOTTO_GATEWAY_LOG: 'loud' }), /SOTTO_GATEWAY_LOG/);
});

test('registration codes are secrets that do not print', () => {
  const parsed = parseGatewayConfig({
    ...base,
    SOTTO_GATEWAY_REGISTRATION: 'code',
    SOTTO_GATEWAY_REGISTRATION_CODES: 'correct-horse,battery-staple',
  });
  assert.equal(parsed.secrets.registrationCodes.length, 2);
  assert.doesNotMatch(`${inspect(parsed, { depth: 9 })}${JSON.stringify(parsed)}`, /horse|staple/);
});

test('the version is the package’s', () => {
  const path = join(import.meta.dirname, '../package.json');
  assert.equal((JSON.parse(readFileSync(path, 'utf8')) as { version: string }).version, VERSION);
});
