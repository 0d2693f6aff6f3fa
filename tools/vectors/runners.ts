import { noise } from './noise.ts';
import type { VectorRunner } from './runner.ts';

/** Every family `npm run vectors` knows. */
export const runners: readonly VectorRunner[] = [noise];
