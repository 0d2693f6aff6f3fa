import { createHash, generateKeyPairSync } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { idText, toBase32 } from '@sotto/wire';
import { errors, jwtVerify, SignJWT } from 'jose';
import type { Clock } from '../clock.ts';
import { TOKEN_SECONDS } from '../limits.ts';

/** Who a token speaks for. */
export interface TokenClaims {
  /** AccountId and DeviceId as base32. */
  readonly account: string;
  readonly device: string;
  /** Unix seconds. */
  readonly expiresAt: number;
}

/** Issues and checks what a logged-in device shows with its calls. */
export interface LoginTokens {
  /** `channelBinding`: TLS exporter of the one connection the token is for; null: any. `expiresAt`: Unix seconds. */
  issue(
    account: Uint8Array,
    device: Uint8Array,
    channelBinding: Uint8Array | null,
  ): Promise<{ readonly token: string; readonly expiresAt: number }>;
  /**
   * Null unless the token is ours, in force, and for this connection. `channelBinding` is asked only when the token
   * names one, and gives null where the connection has none.
   */
  verify(token: string, channelBinding: () => Uint8Array | null): Promise<TokenClaims | null>;
}

const ALGORITHM = 'EdDSA';
const TYPE = 'sotto-login+jwt';

/** Longest token accepted: ours are about 400 characters. */
const MAX_TOKEN_CHARACTERS = 1024;

/**
 * Login tokens: JWTs (RFC 7519) signed by a key that lives and dies with this process, so there is none to steal from
 * disk. Algorithm, type, issuer and audience are pinned; `cnf` (RFC 7800) holds the hash of the TLS exporter.
 */
export class Tokens implements LoginTokens {
  readonly #clock: Clock;
  readonly #audience: string;
  readonly #privateKey: KeyObject;
  readonly #publicKey: KeyObject;

  constructor(clock: Clock, gatewayIdentity: Uint8Array) {
    this.#clock = clock;
    this.#audience = `sotto-gateway:${toBase32(gatewayIdentity)}`;
    const { privateKey, publicKey } = generateKeyPairSync('ed25519');
    this.#privateKey = privateKey;
    this.#publicKey = publicKey;
  }

  async issue(account: Uint8Array, device: Uint8Array, channelBinding: Uint8Array | null) {
    const issuedAt = Math.floor(this.#clock.now() / 1000);
    const expiresAt = issuedAt + TOKEN_SECONDS;
    const claims = {
      account: idText(account),
      ...(channelBinding === null ? {} : { cnf: { 'tls-exporter': hashText(channelBinding) } }),
    };
    const token = await new SignJWT(claims)
      .setProtectedHeader({ alg: ALGORITHM, typ: TYPE })
      .setSubject(idText(device))
      .setIssuer(this.#audience)
      .setAudience(this.#audience)
      .setIssuedAt(issuedAt)
      .setExpirationTime(expiresAt)
      .sign(this.#privateKey);
    return { token, expiresAt };
  }

  async verify(token: string, channelBinding: () => Uint8Array | null): Promise<TokenClaims | null> {
    if (token.length > MAX_TOKEN_CHARACTERS) return null;
    try {
      const { payload } = await jwtVerify(token, this.#publicKey, {
        algorithms: [ALGORITHM],
        typ: TYPE,
        issuer: this.#audience,
        audience: this.#audience,
        requiredClaims: ['sub', 'iat', 'exp', 'account'],
        maxTokenAge: TOKEN_SECONDS,
        currentDate: new Date(this.#clock.now()),
      });
      const { account, sub, exp, cnf } = payload as { account?: unknown; sub?: string; exp?: number; cnf?: unknown };
      if (typeof account !== 'string' || sub === undefined || exp === undefined) return null;
      if (cnf !== undefined && !bindingMatches(cnf, channelBinding())) return null;
      return { account, device: sub, expiresAt: exp };
    } catch (error) {
      if (error instanceof errors.JOSEError) return null;
      throw error;
    }
  }
}

function bindingMatches(confirmation: unknown, channelBinding: Uint8Array | null): boolean {
  if (channelBinding === null || typeof confirmation !== 'object' || confirmation === null) return false;
  const expected = (confirmation as { 'tls-exporter'?: unknown })['tls-exporter'];
  return expected === hashText(channelBinding);
}

/** The token is not secret from its holder, but travels in logs of proxies: it carries a hash, not the exporter. */
function hashText(channelBinding: Uint8Array): string {
  return createHash('sha256').update(channelBinding).digest('base64url');
}
