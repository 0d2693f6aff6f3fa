import { WireType } from '@bufbuild/protobuf/wire';
import type { ContentDraft } from '@sotto/wire';
import type { Core } from '../core/core.ts';

/** A field that will never mean anything (content.proto). */
const FIELD = 15;
const BYTES = 8;
/** One content in this many carries it: often enough that whoever refuses unknown fields is found out at once. */
const RARITY = 8;

/**
 * Now and then a field that nobody knows, so that every program that takes part has met one before a version comes that
 * needs a new field (GREASE).
 */
export function grease(core: Pick<Core, 'provider' | 'random'>): NonNullable<ContentDraft['unknownFields']> {
  if (core.random() * RARITY >= 1) return [];
  const data = new Uint8Array(1 + BYTES);
  data[0] = BYTES;
  data.set(core.provider.random(BYTES), 1);
  return [{ no: FIELD, wireType: WireType.LengthDelimited, data }];
}
