/** One measured operation of one implementation. */
export interface Row {
  readonly suite: string;
  /** `sotto`, a peer as `package@version`, or what the `floor-…` rows are made of. */
  readonly impl: string;
  readonly name: string;
  /** Number of samples. */
  readonly n: number;
  readonly unit: string;
  /** Size of the group, where there is one. */
  readonly members?: number;
  readonly median: number;
  readonly p99: number;
}

/** The row of some samples. */
export function rowOf(suite: string, impl: string, name: string, unit: string, samples: readonly number[]): Row {
  const sorted = samples.toSorted((a, b) => a - b);
  const at = (share: number): number =>
    round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0);
  return { suite, impl, name, n: samples.length, unit, median: at(0.5), p99: at(0.99) };
}

/** Three significant digits are more than a shared machine gives. */
function round(value: number): number {
  return Number(value.toPrecision(4));
}

/** A table with a line for each operation and a column for each implementation. */
export function tableOf(rows: readonly Row[]): string {
  const impls = [...new Set(rows.map(({ impl }) => impl))];
  const names = [...new Set(rows.map(labelOf))];
  const cell = (name: string, impl: string): string => {
    const row = rows.find((candidate) => labelOf(candidate) === name && candidate.impl === impl);
    return row === undefined ? '–' : `${row.median} (${row.p99})`;
  };
  const lines = [['median (p99)', ...impls], ...names.map((name) => [name, ...impls.map((impl) => cell(name, impl))])];
  const widths = [...impls, ''].map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0)));
  return lines
    .map((line) =>
      line
        .map((value, column) => value.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

/** What a line of the table is about. */
function labelOf({ name, unit, members }: Row): string {
  return `${name}${members === undefined ? '' : ` of ${members}`}, ${unit}`;
}
