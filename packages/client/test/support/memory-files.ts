import type { FileSink, SealedFiles } from '../../src/index.ts';

/** Sealed files in memory, open to whoever wants to change them. */
export class MemoryFiles implements SealedFiles {
  readonly bytes = new Map<string, Buffer>();

  create(name: string): Promise<FileSink> {
    this.bytes.set(name, Buffer.alloc(0));
    return Promise.resolve(this.#sink(name));
  }

  append(name: string, at: number): Promise<FileSink> {
    this.bytes.set(name, this.#get(name).subarray(0, at));
    return Promise.resolve(this.#sink(name));
  }

  async *read(name: string, from: number, pieceBytes: number): AsyncGenerator<Uint8Array> {
    const bytes = this.#get(name);
    for (let at = from; at < bytes.length; at += pieceBytes) yield bytes.subarray(at, at + pieceBytes);
  }

  size(name: string): Promise<number | null> {
    return Promise.resolve(this.bytes.get(name)?.length ?? null);
  }

  remove(name: string): Promise<void> {
    this.bytes.delete(name);
    return Promise.resolve();
  }

  list(): Promise<readonly string[]> {
    return Promise.resolve([...this.bytes.keys()]);
  }

  #get(name: string): Buffer {
    const bytes = this.bytes.get(name);
    if (bytes === undefined) throw Object.assign(new Error('no such file'), { code: 'ENOENT', syscall: 'open' });
    return bytes;
  }

  #sink(name: string): FileSink {
    return {
      write: async (...parts) => {
        this.bytes.set(name, Buffer.concat([this.#get(name), ...parts]));
      },
      finish: () => Promise.resolve(),
      leave: () => Promise.resolve(),
    };
  }
}
