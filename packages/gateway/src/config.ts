import { Secret } from '@sotto/crypto';
import { formatHost, parseHost } from '@sotto/wire';
import { GatewayError } from './error.ts';
import { DEFAULT_LIMITS, DEFAULT_RATES } from './limits.ts';
import type { Limits, Rates } from './limits.ts';

/** Everything a gateway needs to know, validated. Secrets are apart, in `GatewaySecrets`. */
export interface GatewayConfig {
  /** Folder of identity, certificates and database; created when missing. */
  readonly dataFolder: string;
  readonly listen: Endpoint;
  readonly address: AddressConfig;
  readonly identity: IdentityConfig;
  readonly publicCertificate: PublicCertificateConfig;
  readonly registration: RegistrationConfig;
  readonly limits: Limits;
  readonly rates: Rates;
  readonly log: LogLevel;
}

/** A host name or IP address, and a port; 0 lets the system choose. */
export interface Endpoint {
  readonly host: string;
  readonly port: number;
}

export type AddressConfig =
  /** Clients reach the gateway at the address it listens on. */
  | { readonly kind: 'listen' }
  /** Behind a port forward or a name. */
  | { readonly kind: 'public'; readonly endpoint: Endpoint };

export type IdentityConfig =
  /** The identity key is made on first start and stays in the data folder. */
  | { readonly kind: 'managed' }
  /** The identity key stays offline; certificates are issued elsewhere and brought here (PEM). */
  | {
      readonly kind: 'offline';
      readonly authorityFile: string;
      readonly certificateFile: string;
      readonly keyFile: string;
    };

export type PublicCertificateConfig =
  | { readonly kind: 'none' }
  /** Served, besides the pinned one, to programs that ask for one of its names (browsers, curl). PEM. */
  | { readonly kind: 'files'; readonly certificateFile: string; readonly keyFile: string };

export type RegistrationConfig =
  | { readonly kind: 'open' }
  /** New accounts need one of `GatewaySecrets.registrationCodes`. */
  | { readonly kind: 'code' }
  | { readonly kind: 'closed' };

export type LogLevel = 'silent' | 'error' | 'warn' | 'info' | 'debug';

/** What must not be printed. */
export interface GatewaySecrets {
  readonly registrationCodes: readonly Secret[];
}

/** Settings as the environment gives them; other names are nobody's business here. */
export type Settings = Readonly<Record<string, string | undefined>>;

const PREFIX = 'SOTTO_GATEWAY_';
const DEFAULT_PORT = 7443;
const LOG_LEVELS: readonly LogLevel[] = ['silent', 'error', 'warn', 'info', 'debug'];

/** Shortest registration code: with the rate limit on registrations, guessing takes longer than anyone lives. */
const CODE_CHARACTERS = 8;

const NAMES = [
  'DATA',
  'LISTEN',
  'ADDRESS',
  'IDENTITY',
  'AUTHORITY_FILE',
  'TLS_CERTIFICATE_FILE',
  'TLS_KEY_FILE',
  'PUBLIC_CERTIFICATE_FILE',
  'PUBLIC_KEY_FILE',
  'REGISTRATION',
  'REGISTRATION_CODES',
  'MAILBOX_MESSAGES',
  'MAILBOX_REQUESTS',
  'RETENTION_DAYS',
  'CAPABILITY_DAILY_QUOTA',
  'LOG_COMMIT_KIB',
  'LOG_MESSAGE_KIB',
  'LOG_MIB',
  'LOG_RETENTION_DAYS',
  'LOG_ENTRIES_PER_MINUTE',
  'LOGS_PER_ACCOUNT',
  'CONNECTIONS',
  'CONNECTIONS_PER_ADDRESS',
  'MEMORY_MIB',
  'BLOB_MIB',
  'BLOB_TOTAL_MIB',
  'BLOB_FREE_MIB',
  'BLOB_RETENTION_DAYS',
  'BLOB_DAILY_MIB',
  'BLOB_DAILY_COUNT',
  'LOG',
] as const;

type Name = (typeof NAMES)[number];
type Read = (name: Name) => string | undefined;

/**
 * Configuration from environment variables `SOTTO_GATEWAY_…`, without reading anything else. Throws `GatewayError`
 * `config` for a value that does not parse, an unknown setting, and settings that need or exclude one another.
 */
export function parseGatewayConfig(settings: Settings): { config: GatewayConfig; secrets: GatewaySecrets } {
  for (const [key, value] of Object.entries(settings)) {
    const name = key.slice(PREFIX.length);
    if (!key.startsWith(PREFIX) || value === undefined || NAMES.some((known) => known === name)) continue;
    throw fault(`there is no setting ${key}`);
  }
  const read: Read = (name) => {
    const value = settings[PREFIX + name];
    return value === undefined || value === '' ? undefined : value;
  };
  const dataFolder = read('DATA');
  if (dataFolder === undefined) throw fault('SOTTO_GATEWAY_DATA must name the data folder');
  const { registration, registrationCodes } = parseRegistration(read);
  const config: GatewayConfig = {
    dataFolder,
    listen: parseEndpoint('LISTEN', read('LISTEN') ?? `0.0.0.0:${DEFAULT_PORT}`, 0),
    address: parseAddress(read),
    identity: parseIdentity(read),
    publicCertificate: parsePublicCertificate(read),
    registration,
    limits: parseLimits(read),
    rates: DEFAULT_RATES,
    log: parseLog(read),
  };
  return { config, secrets: { registrationCodes } };
}

function fault(message: string): GatewayError {
  return new GatewayError('config', message);
}

function parseEndpoint(name: Name, text: string, leastPort: 0 | 1): Endpoint {
  const match = /^(\[[^\]]+\]|[^:[\]]+):(\d{1,5})$/.exec(text);
  const port = Number(match?.[2]);
  if (match?.[1] === undefined || port > 65_535 || port < leastPort) {
    throw fault(`${PREFIX}${name} reads host:port, for example 0.0.0.0:${DEFAULT_PORT}`);
  }
  try {
    return { host: formatHost(parseHost(match[1].toLowerCase())), port };
  } catch (cause) {
    throw new GatewayError('config', `${PREFIX}${name} names no valid host`, { cause });
  }
}

function parseAddress(read: Read): AddressConfig {
  const text = read('ADDRESS');
  return text === undefined ? { kind: 'listen' } : { kind: 'public', endpoint: parseEndpoint('ADDRESS', text, 1) };
}

function parseIdentity(read: Read): IdentityConfig {
  const kind = read('IDENTITY') ?? 'managed';
  const authorityFile = read('AUTHORITY_FILE');
  const certificateFile = read('TLS_CERTIFICATE_FILE');
  const keyFile = read('TLS_KEY_FILE');
  const files = 'SOTTO_GATEWAY_AUTHORITY_FILE, …_TLS_CERTIFICATE_FILE and …_TLS_KEY_FILE';
  if (kind === 'managed') {
    if (authorityFile !== undefined || certificateFile !== undefined || keyFile !== undefined) {
      throw fault(`${files} belong to SOTTO_GATEWAY_IDENTITY=offline`);
    }
    return { kind };
  }
  if (kind !== 'offline') throw fault('SOTTO_GATEWAY_IDENTITY is managed or offline');
  if (authorityFile === undefined || certificateFile === undefined || keyFile === undefined) {
    throw fault(`SOTTO_GATEWAY_IDENTITY=offline needs ${files}`);
  }
  return { kind, authorityFile, certificateFile, keyFile };
}

function parsePublicCertificate(read: Read): PublicCertificateConfig {
  const certificateFile = read('PUBLIC_CERTIFICATE_FILE');
  const keyFile = read('PUBLIC_KEY_FILE');
  if (certificateFile === undefined && keyFile === undefined) return { kind: 'none' };
  if (certificateFile === undefined || keyFile === undefined) {
    throw fault('SOTTO_GATEWAY_PUBLIC_CERTIFICATE_FILE and SOTTO_GATEWAY_PUBLIC_KEY_FILE go together');
  }
  return { kind: 'files', certificateFile, keyFile };
}

function parseRegistration(read: Read): { registration: RegistrationConfig; registrationCodes: Secret[] } {
  const kind = read('REGISTRATION') ?? 'open';
  const codes = (read('REGISTRATION_CODES') ?? '').split(',').filter((code) => code !== '');
  if (kind !== 'open' && kind !== 'code' && kind !== 'closed') {
    throw fault('SOTTO_GATEWAY_REGISTRATION is open, code or closed');
  }
  if (kind === 'code' && codes.length === 0) {
    throw fault('SOTTO_GATEWAY_REGISTRATION=code needs SOTTO_GATEWAY_REGISTRATION_CODES, separated by commas');
  }
  if (kind !== 'code' && codes.length > 0) {
    throw fault('SOTTO_GATEWAY_REGISTRATION_CODES belongs to SOTTO_GATEWAY_REGISTRATION=code');
  }
  if (codes.some((code) => code.length < CODE_CHARACTERS)) {
    throw fault(`a registration code has at least ${CODE_CHARACTERS} characters`);
  }
  return { registration: { kind }, registrationCodes: codes.map((code) => Secret.copy(Buffer.from(code, 'utf8'))) };
}

function parseLimits(read: Read): Limits {
  const whole = (name: Name, fallback: number, least: number, most: number): number => {
    const text = read(name);
    if (text === undefined) return fallback;
    const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
    if (!(value >= least && value <= most)) throw fault(`${PREFIX}${name} is a whole number from ${least} to ${most}`);
    return value;
  };
  const defaults = DEFAULT_LIMITS;
  const mebibytes = (name: Name, fallback: number, least: number): number =>
    whole(name, fallback / 2 ** 20, least, 2 ** 30) * 2 ** 20;
  const limits: Limits = {
    mailboxMessages: whole('MAILBOX_MESSAGES', defaults.mailboxMessages, 1, 1_000_000),
    mailboxRequests: whole('MAILBOX_REQUESTS', defaults.mailboxRequests, 0, 10_000),
    retentionSeconds: whole('RETENTION_DAYS', defaults.retentionSeconds / 86_400, 1, 365) * 86_400,
    capabilityDailyQuota: whole('CAPABILITY_DAILY_QUOTA', defaults.capabilityDailyQuota, 1, 1_000_000),
    logCommitBytes: whole('LOG_COMMIT_KIB', defaults.logCommitBytes / 1024, 96, 4096) * 1024,
    logMessageBytes: whole('LOG_MESSAGE_KIB', defaults.logMessageBytes / 1024, 1, 4096) * 1024,
    logBytes: whole('LOG_MIB', defaults.logBytes / 2 ** 20, 1, 1_048_576) * 2 ** 20,
    logRetentionSeconds: whole('LOG_RETENTION_DAYS', defaults.logRetentionSeconds / 86_400, 1, 3650) * 86_400,
    logEntriesPerMinute: whole('LOG_ENTRIES_PER_MINUTE', defaults.logEntriesPerMinute, 1, 1_000_000),
    logsPerAccount: whole('LOGS_PER_ACCOUNT', defaults.logsPerAccount, 0, 1_000_000),
    connections: whole('CONNECTIONS', defaults.connections, 1, 1_000_000),
    connectionsPerAddress: whole('CONNECTIONS_PER_ADDRESS', defaults.connectionsPerAddress, 1, 1_000_000),
    memoryBytes: whole('MEMORY_MIB', defaults.memoryBytes / 2 ** 20, 256, 1_048_576) * 2 ** 20,
    blobBytes: mebibytes('BLOB_MIB', defaults.blobBytes, 1),
    blobTotalBytes: mebibytes('BLOB_TOTAL_MIB', defaults.blobTotalBytes, 0),
    blobFreeBytes: mebibytes('BLOB_FREE_MIB', defaults.blobFreeBytes, 0),
    blobRetentionSeconds: whole('BLOB_RETENTION_DAYS', defaults.blobRetentionSeconds / 86_400, 1, 365) * 86_400,
    blobDailyBytes: mebibytes('BLOB_DAILY_MIB', defaults.blobDailyBytes, 0),
    blobDailyCount: whole('BLOB_DAILY_COUNT', defaults.blobDailyCount, 0, 1_000_000),
  };
  if (limits.connectionsPerAddress > limits.connections) {
    throw fault('SOTTO_GATEWAY_CONNECTIONS_PER_ADDRESS is more than SOTTO_GATEWAY_CONNECTIONS');
  }
  if (limits.logBytes < limits.logCommitBytes * 4) {
    throw fault('SOTTO_GATEWAY_LOG_MIB holds less than four commits of SOTTO_GATEWAY_LOG_COMMIT_KIB');
  }
  return limits;
}

function parseLog(read: Read): LogLevel {
  const text = read('LOG') ?? 'info';
  const level = LOG_LEVELS.find((known) => known === text);
  if (level === undefined) throw fault(`SOTTO_GATEWAY_LOG is one of ${LOG_LEVELS.join(', ')}`);
  return level;
}
