import { CliError } from '../error.ts';

const UNITS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400, w: 604_800 };

/** Seconds of a span of time as people write it: `30s`, `5m`, `8h`, `7d`, `4w`; `off` is 0. Throws `usage`. */
export function seconds(span: string): number {
  if (span === 'off' || span === '0') return 0;
  const [, count = '', unit = ''] = /^(\d{1,6})([smhdw])$/.exec(span) ?? [];
  const size = UNITS[unit];
  if (size === undefined || Number(count) === 0) {
    throw new CliError('usage', 'A span of time is written like 30s, 5m, 8h, 7d or 4w, or "off".');
  }
  return Number(count) * size;
}
