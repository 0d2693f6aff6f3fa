import type { Reader } from '../codec/reader.ts';
import type { Writer } from '../codec/writer.ts';
import { MlsError } from '../error.ts';

/** RFC 9420 §13; `type` from IANA "MLS Extension Types" or private use. Unknown ones are kept as they are. */
export interface Extension {
  readonly type: number;
  readonly data: Uint8Array;
}

/** RFC 9420 §17.3 and, for `lastResort`, RFC 9420's key package extension of draft-ietf-mls-extensions. */
export const EXTENSION_TYPES = {
  applicationId: 1,
  ratchetTree: 2,
  requiredCapabilities: 3,
  externalPub: 4,
  externalSenders: 5,
  lastResort: 10,
} as const;

/** Types that every client understands and that capabilities never list, RFC 9420 §7.2. */
const DEFAULT_EXTENSIONS: ReadonlySet<number> = new Set([1, 2, 3, 4, 5]);

export function isDefaultExtension(type: number): boolean {
  return DEFAULT_EXTENSIONS.has(type);
}

export function writeExtensions(writer: Writer, extensions: readonly Extension[]): void {
  writer.list(extensions, (inner, { type, data }) => inner.uint16(type).vector(data));
}

/** Throws `duplicate_extension` when a type comes twice. */
export function readExtensions(reader: Reader): Extension[] {
  const extensions = reader.list((inner) => ({ type: inner.uint16(), data: inner.vector() }));
  const types = new Set(extensions.map(({ type }) => type));
  if (types.size < extensions.length) throw new MlsError('duplicate_extension', 'an extension type comes twice');
  return extensions;
}

export function extensionOf(extensions: readonly Extension[], type: number): Uint8Array | null {
  return extensions.find((extension) => extension.type === type)?.data ?? null;
}
