/** Vector files are read as untyped JSON; a missing or oddly typed field is an error of the file, reported by its name. */
export type Fields = { readonly [name: string]: unknown };

export function fieldsOf(value: unknown): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new Error('expected a JSON object');
  return value as Fields;
}

export function listOf(value: unknown): readonly Fields[] {
  if (!Array.isArray(value)) throw new Error('expected a JSON list');
  return value.map(fieldsOf);
}

export function textAt(fields: Fields, name: string): string {
  const value = fields[name];
  if (typeof value !== 'string') throw new Error(`field ${name} is not a text`);
  return value;
}

export function numberAt(fields: Fields, name: string): number {
  const value = fields[name];
  if (typeof value !== 'number') throw new Error(`field ${name} is not a number`);
  return value;
}

export function bytesAt(fields: Fields, name: string): Uint8Array {
  const text = textAt(fields, name);
  if (!/^(?:[0-9a-f]{2})*$/i.test(text)) throw new Error(`field ${name} is not hexadecimal`);
  return Uint8Array.from(Buffer.from(text, 'hex'));
}

/** Missing, null and empty are the same to the files that have optional fields. */
export function optionalBytesAt(fields: Fields, name: string): Uint8Array | null {
  const value = fields[name];
  return value === undefined || value === null || value === '' ? null : bytesAt(fields, name);
}

/** A text or number to show, if there is one. */
export function labelAt(fields: Fields, name: string): string {
  const value = fields[name];
  return typeof value === 'string' || typeof value === 'number' ? String(value) : '';
}
