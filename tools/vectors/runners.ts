import { argon2 } from './argon2.ts';
import { hpke } from './hpke.ts';
import { mls } from './mls.ts';
import { noise } from './noise.ts';
import type { VectorRunner } from './runner.ts';
import { wycheproof } from './wycheproof.ts';

/** Every family `npm run vectors` knows. */
export const runners: readonly VectorRunner[] = [noise, hpke, argon2, wycheproof, ...mls];
