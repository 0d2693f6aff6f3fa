import { readFileSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { CryptoProvider } from '@sotto/crypto';
import type { VectorRunner } from './runner.ts';

/** How many failed cases of a file are shown; the count is always whole. */
const SHOWN_FAILURES = 10;

export interface VectorTotals {
  readonly files: number;
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

interface FileReport {
  passed: number;
  readonly failures: string[];
  /** Reason to count. */
  readonly skipped: Map<string, number>;
}

/**
 * Runs every file below `directory` that a runner recognises and prints a line for each: what passed and failed, and
 * which parameter sets were skipped. A file that cannot be read as its family counts as one failure.
 */
export async function runVectorFiles(input: {
  readonly directory: string;
  readonly runners: readonly VectorRunner[];
  readonly provider: CryptoProvider;
  readonly print: (line: string) => void;
}): Promise<VectorTotals> {
  const entries = await readdir(input.directory, { recursive: true, withFileTypes: true });
  const totals = { files: 0, passed: 0, failed: 0, skipped: 0 };
  const paths = entries.filter((entry) => !entry.isDirectory()).map((entry) => join(entry.parentPath, entry.name));
  for (const path of paths.toSorted()) {
    const runner = input.runners.find((candidate) => candidate.recognises(basename(path)));
    if (runner === undefined) continue;
    const report = await runFile(path, runner, input.provider);
    const skipped = [...report.skipped.values()].reduce((sum, count) => sum + count, 0);
    const reasons = [...report.skipped].map(([reason, count]) => `${reason}: ${count}`).join(', ');
    input.print(
      `${path}: ${report.passed} passed, ${report.failures.length} failed, ${skipped} skipped${skipped > 0 ? ` (${reasons})` : ''}`,
    );
    for (const failure of report.failures.slice(0, SHOWN_FAILURES)) input.print(`  failed: ${failure}`);
    totals.files++;
    totals.passed += report.passed;
    totals.failed += report.failures.length;
    totals.skipped += skipped;
  }
  return totals;
}

async function runFile(path: string, runner: VectorRunner, provider: CryptoProvider): Promise<FileReport> {
  const report: FileReport = { passed: 0, failures: [], skipped: new Map() };
  try {
    for await (const { name, outcome, reason } of runner.run(JSON.parse(readFileSync(path, 'utf8')), provider)) {
      if (outcome === 'passed') report.passed++;
      else if (outcome === 'failed') report.failures.push(`${name}: ${reason ?? 'no reason given'}`);
      else report.skipped.set(reason ?? 'no reason given', (report.skipped.get(reason ?? 'no reason given') ?? 0) + 1);
    }
  } catch (error) {
    report.failures.push(`not readable as ${runner.name} vectors: ${String(error)}`);
  }
  return report;
}
