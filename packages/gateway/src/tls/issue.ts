import type { KeyObject } from 'node:crypto';
import { createPublicKey, generateKeyPairSync, randomBytes, webcrypto } from 'node:crypto';
import { isIP } from 'node:net';

/** A certificate with its private key, PEM. */
export interface CertificatePair {
  readonly certificate: string;
  readonly key: string;
}

export interface LeafOrder {
  /** The gateway's Ed25519 identity key. */
  readonly identity: KeyObject;
  /** Host names and IP addresses for programs that check names (curl). Sotto's clients check the identity alone. */
  readonly hosts: readonly string[];
  /** Unix ms. */
  readonly notBefore: number;
  readonly notAfter: number;
}

/** As long as an identity; renewing it would change nothing, since its key is what is pinned. */
const AUTHORITY_YEARS_MS = 30 * 365.25 * 86_400_000;
const NAME = 'CN=Sotto gateway';

/**
 * Issues a TLS certificate: a fresh ECDSA P-256 key, signed by the identity key, for TLS servers only (RFC 5280).
 * Works on any machine that has the identity key; the gateway itself then needs only the result.
 */
export async function issueLeaf(order: LeafOrder): Promise<CertificatePair> {
  const { x509, signingKey, publicKey: issuer } = await prepare(order.identity);
  const leaf = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const publicKey = await importSpki(leaf.publicKey, { name: 'ECDSA', namedCurve: 'P-256' });
  const names = order.hosts.map((value) => ({ type: isIP(value) === 0 ? ('dns' as const) : ('ip' as const), value }));
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: serial(),
    issuer: NAME,
    subject: `${NAME} TLS`,
    notBefore: new Date(order.notBefore),
    notAfter: new Date(order.notAfter),
    signingKey,
    signingAlgorithm: { name: 'Ed25519' },
    publicKey,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth], true),
      new x509.SubjectAlternativeNameExtension(names),
      await x509.AuthorityKeyIdentifierExtension.create(issuer),
      await x509.SubjectKeyIdentifierExtension.create(publicKey),
    ],
  });
  const key = leaf.privateKey.export({ format: 'pem', type: 'pkcs8' });
  return { certificate: certificate.toString('pem'), key };
}

/** The identity as a self-signed authority, PEM: for `curl --cacert`. */
export async function issueAuthority(identity: KeyObject, notBefore: number): Promise<string> {
  const { x509, signingKey, publicKey } = await prepare(identity);
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: serial(),
    issuer: NAME,
    subject: NAME,
    notBefore: new Date(notBefore),
    notAfter: new Date(notBefore + AUTHORITY_YEARS_MS),
    signingKey,
    signingAlgorithm: { name: 'Ed25519' },
    publicKey,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign, true),
      await x509.SubjectKeyIdentifierExtension.create(publicKey),
    ],
  });
  return certificate.toString('pem');
}

/** The X.509 library takes 100 ms to load and is needed once in twenty days. */
async function prepare(identity: KeyObject) {
  await import('reflect-metadata');
  const x509 = await import('@peculiar/x509');
  const pkcs8 = identity.export({ format: 'der', type: 'pkcs8' });
  const signingKey = await webcrypto.subtle.importKey('pkcs8', pkcs8, 'Ed25519', false, ['sign']);
  pkcs8.fill(0);
  return { x509, signingKey, publicKey: await importSpki(createPublicKey(identity), { name: 'Ed25519' }) };
}

function importSpki(key: KeyObject, algorithm: { readonly name: string; readonly namedCurve?: string }) {
  const spki = key.export({ format: 'der', type: 'spki' });
  return webcrypto.subtle.importKey('spki', spki, algorithm, true, ['verify']);
}

/** 127 random bits: positive, and never twice (RFC 5280 §4.1.2.2). */
function serial(): string {
  const bytes = randomBytes(16);
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x40;
  return bytes.toString('hex');
}
