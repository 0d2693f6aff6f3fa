import { findReadable } from '../harness/readable.ts';
import { needlesOf } from '../tap/search.ts';
import type { Outcome } from './story.ts';

/** What is wrong with an outcome; nothing: all is well. `lines` say what was looked at. */
export interface Judgement {
  readonly faults: readonly string[];
  readonly lines: readonly string[];
}

/** Kinds of places in which the marker was planted. */
const PLANTED = ['wire', 'files', 'logs', 'vaults'] as const;

/** Judges whether anything was lost, doubled or readable, and whether the search would have seen it. */
export function judge(outcome: Outcome): Judgement {
  const { confirmed, arrived, alsoPrivate, places, marker } = outcome;
  const faults: string[] = [];
  const lines: string[] = [];
  for (const [who, sent, got] of [
    ['alice', confirmed.alice, arrived.fromAlice],
    ['bob', confirmed.bob, arrived.fromBob],
  ] as const) {
    const lost = sent.filter((text) => !got.includes(text));
    const doubled = got.filter((text, i) => got.indexOf(text) !== i);
    for (const text of lost) faults.push(`lost: ${text}`);
    for (const text of doubled) faults.push(`doubled: ${text}`);
    lines.push(
      `${who} wrote ${sent.length} confirmed messages; ${got.length} arrived, ${lost.length} lost, ${doubled.length} doubled`,
    );
  }

  const texts = [
    ...new Set([...confirmed.alice, ...confirmed.bob, ...arrived.fromAlice, ...arrived.fromBob, ...alsoPrivate]),
  ];
  for (const { kind, place, encoding, text } of findReadable(places, texts)) {
    faults.push(`readable in ${kind} (${place}) as ${encoding}: ${text}`);
  }
  for (const kind of PLANTED) {
    const here = places.filter((place) => place.kind === kind);
    const bytes = here.reduce((sum, place) => sum + place.bytes.length, 0);
    const found = findReadable(here, [marker]);
    if (found.length === 0) faults.push(`the search is blind: the planted text was not found in ${kind}`);
    lines.push(
      `${kind}: ${here.length} parts, ${Math.ceil(bytes / 1024)} KiB searched; the planted text was ${found.length > 0 ? '' : 'NOT '}found`,
    );
  }
  // What was posted to the wire goes in and comes out, and is stored in between, in every form.
  const forms = needlesOf(marker).map(({ encoding }) => encoding);
  for (const where of ['a body to the gateway', 'a body from the gateway', 'gateway.db']) {
    const parts = places.filter(({ name }) => name === where || name.startsWith(`${where}-`));
    const seen = new Set(findReadable(parts, [marker]).map(({ encoding }) => encoding));
    const missing = forms.filter((form) => !seen.has(form));
    if (missing.length > 0) faults.push(`the search is blind: ${where}, forms ${missing.join(', ')}`);
  }
  lines.push(`${texts.length} texts searched in ${forms.length} forms: ${forms.join(', ')}`);
  return { faults, lines };
}
