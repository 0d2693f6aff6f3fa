/** A text as it could lie in a file or on a wire without being encrypted. */
export interface Needle {
  readonly text: string;
  readonly encoding: string;
  readonly bytes: Buffer;
}

/** Where a text was found. */
export interface Finding {
  readonly text: string;
  readonly encoding: string;
  readonly place: string;
  readonly offset: number;
}

/**
 * Base64 of a text that begins anywhere in a larger run of bytes: for each of the three alignments the characters that
 * depend on the text alone.
 */
function base64Forms(text: Buffer): { name: string; bytes: Buffer }[] {
  return [0, 1, 2].map((before) => {
    const encoded = Buffer.concat([Buffer.alloc(before), text])
      .toString('base64')
      .replaceAll('=', '');
    // The first character that holds no bit of what stands before, and the last that holds none of what follows.
    const first = Math.ceil((before * 8) / 6);
    const last = Math.floor(((before + text.length) * 8) / 6);
    return { name: `base64+${before}`, bytes: Buffer.from(encoded.slice(first, last)) };
  });
}

/** All forms in which a text is searched: UTF-8, UTF-16 both ways, hex in both cases, base64 at three alignments, both alphabets. */
export function needlesOf(text: string): Needle[] {
  const utf8 = Buffer.from(text, 'utf8');
  const utf16le = Buffer.from(text, 'utf16le');
  const utf16be = Buffer.from(utf16le).swap16();
  const hex = utf8.toString('hex');
  const forms: { name: string; bytes: Buffer }[] = [
    { name: 'UTF-8', bytes: utf8 },
    { name: 'UTF-16LE', bytes: utf16le },
    { name: 'UTF-16BE', bytes: utf16be },
    { name: 'hex', bytes: Buffer.from(hex) },
    { name: 'HEX', bytes: Buffer.from(hex.toUpperCase()) },
  ];
  for (const form of base64Forms(utf8)) {
    forms.push(form);
    const url = form.bytes.toString().replaceAll('+', '-').replaceAll('/', '_');
    if (url !== form.bytes.toString()) forms.push({ name: `${form.name} url`, bytes: Buffer.from(url) });
  }
  return forms.map(({ name, bytes }) => ({ text, encoding: name, bytes }));
}

/** Below this a random run of bytes could match by chance. */
const MIN_TEXT_BYTES = 8;

/** The texts found in some bytes, in whatever form. Throws for texts too short to say anything. */
export function search(place: string, haystack: Buffer, needles: readonly Needle[]): Finding[] {
  const found: Finding[] = [];
  for (const { text, encoding, bytes } of needles) {
    if (bytes.length < MIN_TEXT_BYTES) throw new Error(`too short to search for: ${text}`);
    const offset = haystack.indexOf(bytes);
    if (offset !== -1) found.push({ text, encoding, place, offset });
  }
  return found;
}
