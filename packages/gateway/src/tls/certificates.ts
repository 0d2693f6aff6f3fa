import { createPrivateKey, X509Certificate } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { isIP } from 'node:net';
import { join } from 'node:path';
import type { Clock } from '../clock.ts';
import { GatewayError } from '../error.ts';
import { publicHalf } from './identity.ts';
import { readIfThere, readNeeded, writeWhole } from './files.ts';
import { issueAuthority, issueLeaf } from './issue.ts';
import type { CertificatePair } from './issue.ts';

const DAY_MS = 86_400_000;
/** A leaf lives this long and is replaced when a third of that is left: a gateway may be off for three weeks. */
const LEAF_MS = 30 * DAY_MS;
const RENEW_BEFORE_MS = 10 * DAY_MS;
/** Clients' clocks may be behind. */
const BACKDATE_MS = DAY_MS;

/** Where certificates come from. */
export type CertificateSource =
  /** The identity key is in the data folder and signs as needed. */
  | { readonly kind: 'managed'; readonly identity: KeyObject }
  /** The identity key is elsewhere; the operator brings certificates that it signed. */
  | {
      readonly kind: 'brought';
      readonly identity: KeyObject;
      readonly certificateFile: string;
      readonly keyFile: string;
    };

export interface CertificatesOptions {
  readonly source: CertificateSource;
  readonly dataFolder: string;
  readonly hosts: readonly string[];
  readonly clock: Clock;
}

/** The certificate to serve now. Throws `GatewayError` `certificate` or `data`. */
export async function currentCertificate(options: CertificatesOptions): Promise<CertificatePair> {
  const { source, clock } = options;
  if (source.kind === 'brought') {
    const pair = { certificate: readNeeded(source.certificateFile), key: readNeeded(source.keyFile) };
    const problem = judge(pair, publicHalf(source.identity), clock.now());
    if (problem !== null) throw new GatewayError('certificate', `${source.certificateFile}: ${problem}`);
    return pair;
  }
  return managedCertificate(options, source.identity);
}

async function managedCertificate(options: CertificatesOptions, identity: KeyObject): Promise<CertificatePair> {
  const { dataFolder, hosts, clock } = options;
  const certificateFile = join(dataFolder, 'tls.pem');
  const keyFile = join(dataFolder, 'tls.key');
  const authorityFile = join(dataFolder, 'ca.pem');
  const now = clock.now();
  if (readIfThere(authorityFile) === null) {
    writeWhole(authorityFile, await issueAuthority(identity, now - BACKDATE_MS));
  }
  const certificate = readIfThere(certificateFile);
  const key = readIfThere(keyFile);
  if (certificate !== null && key !== null) {
    const pair = { certificate, key };
    const fresh = judge(pair, publicHalf(identity), now + RENEW_BEFORE_MS) === null;
    if (fresh && covers(certificate, hosts)) return pair;
  }
  const pair = await issueLeaf({ identity, hosts, notBefore: now - BACKDATE_MS, notAfter: now + LEAF_MS });
  writeWhole(keyFile, pair.key);
  writeWhole(certificateFile, pair.certificate);
  return pair;
}

/** Null when the certificate can be served at `time`; otherwise what is wrong with it. */
function judge(pair: CertificatePair, identity: KeyObject, time: number): string | null {
  try {
    const certificate = new X509Certificate(pair.certificate);
    if (!certificate.verify(identity)) return 'the gateway’s identity key did not sign it';
    if (!certificate.checkPrivateKey(createPrivateKey(pair.key))) return 'the private key is not the certificate’s';
    if (certificate.validFromDate.getTime() > time) return 'it is not valid yet';
    if (certificate.validToDate.getTime() <= time) return 'it has expired';
    return null;
  } catch {
    return 'it cannot be read';
  }
}

function covers(certificate: string, hosts: readonly string[]): boolean {
  const parsed = new X509Certificate(certificate);
  return hosts.every((host) => (isIP(host) === 0 ? parsed.checkHost(host) : parsed.checkIP(host)) !== undefined);
}
