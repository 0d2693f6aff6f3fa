// The machine's zone and a form that sorts: people read logs of yesterday too.
const pad = (value: number): string => String(value).padStart(2, '0');

/** `10:42`. */
export function clockTime(unixMs: number): string {
  const date = new Date(unixMs);
  return `${pad(date.getHours())}:${pad(date.getMinutes())}`;
}

/** `2026-11-20`. */
export function day(unixMs: number): string {
  const date = new Date(unixMs);
  return `${date.getFullYear()}-${pad(date.getMonth() + 1)}-${pad(date.getDate())}`;
}

/** `2026-11-20 10:42`. */
export function dayAndTime(unixMs: number): string {
  return `${day(unixMs)} ${clockTime(unixMs)}`;
}

/** `2026-11-20 10:42:07`. */
export function dayAndSecond(unixMs: number): string {
  return `${dayAndTime(unixMs)}:${pad(new Date(unixMs).getSeconds())}`;
}

/** `3 s`, `4 min`, `5 h`, `6 days`. */
export function duration(ms: number): string {
  const seconds = Math.round(Math.abs(ms) / 1000);
  if (seconds < 90) return `${seconds} s`;
  if (seconds < 90 * 60) return `${Math.round(seconds / 60)} min`;
  if (seconds < 36 * 3600) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86_400)} days`;
}
