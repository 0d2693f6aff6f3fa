/** Prints the digest of a small run: SEED ACTIONS. */
import { runSeed, SMALL_SIZE } from '../../src/index.ts';

const [seed, actions] = process.argv.slice(2).map(Number);
const { digest } = await runSeed({ seed: seed!, size: { ...SMALL_SIZE, actions: actions! } });
console.log(digest);
