import { fromBinary, toBinary } from '@bufbuild/protobuf';
import type { DescMessage, MessageShape } from '@bufbuild/protobuf';
import type { Collection, Placing, Range, VaultReader, VaultWriter } from '@sotto/vault';
import { MessengerError } from '../error.ts';

/** Rows of one protobuf message in one collection of the vault. */
export interface Table<Desc extends DescMessage> {
  readonly collection: Collection;
  get(read: VaultReader, key: string): MessageShape<Desc> | null;
  /** As `get`; a row that must be there and is not means the store was changed by something else. */
  need(read: VaultReader, key: string): MessageShape<Desc>;
  all(read: VaultReader): Entry<Desc>[];
  find(read: VaultReader, lookup: string, value: string): Entry<Desc>[];
  list(read: VaultReader, range: Range): (Entry<Desc> & { readonly ordinal: number })[];
  put(write: VaultWriter, key: string, row: MessageShape<Desc>, placing?: Placing): void;
  delete(write: VaultWriter, key: string): void;
}

interface Entry<Desc extends DescMessage> {
  readonly key: string;
  readonly row: MessageShape<Desc>;
}

/**
 * A table. A row's format changes only with `version`: a field this code does not know is no newer format but damage.
 */
export function table<Desc extends DescMessage>(collection: Collection, schema: Desc): Table<Desc> {
  function decode(bytes: Uint8Array): MessageShape<Desc> {
    let row: MessageShape<Desc>;
    try {
      row = fromBinary(schema, bytes);
    } catch (cause) {
      throw new MessengerError('corrupt_store', 'a stored row does not parse', { cause });
    }
    if (row.$unknown !== undefined && row.$unknown.length > 0) {
      throw new MessengerError('corrupt_store', 'a stored row has fields of another version');
    }
    return row;
  }
  const self: Table<Desc> = {
    collection,
    get(read, key) {
      const bytes = read.get(collection, key);
      return bytes === null ? null : decode(bytes);
    },
    need(read, key) {
      const row = self.get(read, key);
      if (row === null) throw new MessengerError('corrupt_store', `a row of ${collection.name} is missing`);
      return row;
    },
    all: (read) => read.all(collection).map(({ key, value }) => ({ key, row: decode(value) })),
    find: (read, lookup, value) =>
      read.find(collection, lookup, value).map((each) => ({ key: each.key, row: decode(each.value) })),
    list: (read, range) =>
      read.list(collection, range).map(({ key, value, ordinal }) => {
        if (ordinal === null)
          throw new MessengerError('corrupt_store', `a row of ${collection.name} has lost its place`);
        return { key, row: decode(value), ordinal };
      }),
    put: (write, key, row, placing) => write.put(collection, key, toBinary(schema, row), placing),
    delete: (write, key) => write.delete(collection, key),
  };
  return self;
}
