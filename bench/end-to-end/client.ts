import { join } from 'node:path';
import { Messenger } from '@sotto/client';
import { nativeProvider } from '@sotto/crypto';
import { fileKeystore } from '@sotto/vault';

/** A client as an application has it: engine in the process, vault in a folder. */
export function openClient(folder: string, gateway: string, name: string): Promise<Messenger> {
  const keystore = fileKeystore({ provider: nativeProvider(), path: join(folder, `${name}.key`) });
  const vault = { folder: join(folder, name), keystore };
  return Messenger.create({ vault, gateway, name, settings: { autoAccept: true } });
}
