import type { Reader } from '../codec/reader.ts';
import type { Writer } from '../codec/writer.ts';
import { MlsError } from '../error.ts';

/** Who a member says it is, RFC 9420 §5.3. What it is worth is for the `AuthenticationService` to say. */
export type Credential =
  | { readonly kind: 'basic'; readonly identity: Uint8Array }
  /** DER certificates, the leaf's first. */
  | { readonly kind: 'x509'; readonly certificates: readonly Uint8Array[] };

/** RFC 9420 §17.5. */
export const CREDENTIAL_TYPES: { readonly [Kind in Credential['kind']]: number } = { basic: 1, x509: 2 };

export function writeCredential(writer: Writer, credential: Credential): void {
  writer.uint16(CREDENTIAL_TYPES[credential.kind]);
  if (credential.kind === 'basic') writer.vector(credential.identity);
  else writer.list(credential.certificates, (inner, certificate) => inner.vector(certificate));
}

/** A credential carries no length: one of an unknown type cannot be skipped, and is refused. */
export function readCredential(reader: Reader): Credential {
  const type = reader.uint16();
  if (type === CREDENTIAL_TYPES.basic) return { kind: 'basic', identity: reader.vector() };
  if (type === CREDENTIAL_TYPES.x509) {
    return { kind: 'x509', certificates: reader.list((inner) => inner.vector()) };
  }
  throw new MlsError('unsupported_credential', 'a credential has a type that is not known');
}
