import { nativeProvider } from '@sotto/crypto';
import { InProcessEngine } from '@sotto/engine';
import { createGatewayTransport } from '@sotto/gateway-api';
import { systemClock } from '@sotto/transport';
import type { SealedFiles } from './attachments/files.ts';
import type { Effects } from './options.ts';

/** The real world, except for what the caller replaces. */
export function completeEffects(given: Partial<Effects> = {}, files: SealedFiles | null = null): Effects {
  const provider = given.provider ?? nativeProvider();
  return {
    provider,
    clock: given.clock ?? systemClock,
    random: given.random ?? Math.random,
    engine: given.engine ?? new InProcessEngine({ crypto: provider }),
    openTransport: given.openTransport ?? createGatewayTransport,
    files: given.files === undefined ? files : given.files,
    hold: given.hold ?? holdProcess,
  };
}

/** A day; what the timer does when it fires is nothing. */
const HOLD_MS = 86_400_000;

function holdProcess(): () => void {
  const timer = setInterval(() => undefined, HOLD_MS);
  return () => clearInterval(timer);
}
