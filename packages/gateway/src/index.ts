export { systemClock } from './clock.ts';
export type { Clock } from './clock.ts';
export { parseGatewayConfig } from './config.ts';
export type {
  AddressConfig,
  Endpoint,
  GatewayConfig,
  GatewaySecrets,
  IdentityConfig,
  LogLevel,
  PublicCertificateConfig,
  RegistrationConfig,
  Settings,
} from './config.ts';
export { openEmbeddedStore } from './embedded/store.ts';
export type { EmbeddedStore, EmbeddedStoreOptions } from './embedded/store.ts';
export { GatewayError } from './error.ts';
export type { GatewayErrorCode } from './error.ts';
export { startGateway } from './gateway.ts';
export type { Gateway, GatewayOverrides } from './gateway.ts';
export { DEFAULT_LIMITS, DEFAULT_RATES } from './limits.ts';
export type { Limits, Rates } from './limits.ts';
export { serveGateway } from './serve.ts';
export type { ServeOptions } from './serve.ts';
export { createLoginTokens, createSocketlessGateway } from './socketless.ts';
export type { SocketlessCall, SocketlessGateway, SocketlessOptions } from './socketless.ts';
export type { LoginTokens, TokenClaims } from './login/tokens.ts';
export type { Mailboxes, MailboxListener, DeliveryPage, Post } from './ports/mailboxes.ts';
export type { StoredDelivery, PostOutcome } from './ports/types.ts';
export type { PeerLink } from './rpc/peer.ts';
export { issueAuthority, issueLeaf } from './tls/issue.ts';
export type { CertificatePair, LeafOrder } from './tls/issue.ts';
