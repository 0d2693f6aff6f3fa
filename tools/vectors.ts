/**
 * `npm run vectors -- [DIR] [--provider native|portable|seeded]`: runs the published test vectors found below DIR
 * (default: SOTTO_VECTORS, or `../shared/vectors`). Prints a line per file and last `N passed, M failed`; exit code 1
 * when a case failed or nothing was recognised, 2 for wrong arguments.
 */
import { parseArgs } from 'node:util';
import { nativeProvider } from '@sotto/crypto';
import type { CryptoProvider } from '@sotto/crypto';
import { portableProvider } from '@sotto/crypto/portable';
import { seededProvider } from '@sotto/crypto/simulation';
import { vectorFolder } from './vectors/folder.ts';
import { runVectorFiles } from './vectors/report.ts';
import { runners } from './vectors/runners.ts';

const PROVIDERS: { readonly [name: string]: () => CryptoProvider } = {
  native: nativeProvider,
  portable: () => portableProvider({ random: (length) => nativeProvider().random(length) }),
  seeded: () => seededProvider(new Uint8Array(32)),
};

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { provider: { type: 'string', default: 'native' } },
  });
  const provider = PROVIDERS[values.provider];
  if (provider === undefined || positionals.length > 1) {
    console.error(`usage: npm run vectors -- [DIR] [--provider ${Object.keys(PROVIDERS).join('|')}]`);
    return 2;
  }
  const directory = positionals[0] ?? vectorFolder();
  const totals = await runVectorFiles({ directory, runners, provider: provider(), print: (line) => console.log(line) });
  if (totals.files === 0) {
    const names = runners.map((runner) => runner.name).join(', ');
    console.error(`No file below ${directory} has the name of a known family (${names}).`);
  }
  console.log(`${totals.passed} passed, ${totals.failed} failed`);
  return totals.failed > 0 || totals.files === 0 ? 1 : 0;
}

try {
  process.exitCode = await main();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 2;
}
