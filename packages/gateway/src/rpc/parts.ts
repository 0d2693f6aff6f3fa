import type { CryptoProvider, Secret } from '@sotto/crypto';
import type { FastifyBaseLogger } from 'fastify';
import type { Clock } from '../clock.ts';
import type { RegistrationConfig } from '../config.ts';
import type { Limits } from '../limits.ts';
import type { Memory } from '../memory.ts';
import type { Challenges } from '../login/challenges.ts';
import type { Proofs } from '../login/proof.ts';
import type { RequestTokens } from '../login/request-tokens.ts';
import type { LoginTokens } from '../login/tokens.ts';
import type { Blobs } from '../ports/blobs.ts';
import type { Directory } from '../ports/directory.ts';
import type { GroupLogs } from '../ports/group-logs.ts';
import type { KeyPackages } from '../ports/key-packages.ts';
import type { Mailboxes } from '../ports/mailboxes.ts';
import type { FollowQuota } from './follow-quota.ts';
import type { Limiters } from './limiters.ts';
import type { StreamMonitor } from './stream-monitor.ts';

/** Where services write what operators read. */
export type Log = Pick<FastifyBaseLogger, 'debug' | 'info' | 'warn' | 'error'>;

/** What the services are made of. */
export interface ServiceParts {
  readonly provider: CryptoProvider;
  readonly clock: Clock;
  readonly directory: Directory;
  readonly mailboxes: Mailboxes;
  readonly blobs: Blobs;
  readonly groupLogs: GroupLogs;
  readonly keyPackages: KeyPackages;
  readonly limits: Limits;
  readonly limiters: Limiters;
  readonly registration: RegistrationConfig;
  readonly registrationCodes: readonly Secret[];
  readonly challenges: Challenges;
  readonly proofs: Proofs;
  readonly tokens: LoginTokens;
  readonly requestTokens: RequestTokens;
  readonly streams: StreamMonitor;
  readonly follows: FollowQuota;
  readonly memory: Memory;
  readonly log: Log;
}
