import { createDecipheriv, createHmac } from 'node:crypto';

/** Secrets of TLS connections, by client random (hex) and label, as `--tls-keylog` writes them (NSS key log format). */
export type KeyLog = ReadonlyMap<string, ReadonlyMap<string, Buffer>>;

/** Reads a key log; unfinished lines are left out. */
export function parseKeyLog(text: string): Map<string, Map<string, Buffer>> {
  const log = new Map<string, Map<string, Buffer>>();
  for (const line of text.split('\n')) {
    const [label = '', random = '', secret = ''] = line.split(' ');
    if (!/^[0-9a-f]{64}$/.test(random) || !/^(?:[0-9a-f]{64}|[0-9a-f]{96})$/.test(secret)) continue;
    let secrets = log.get(random);
    if (secrets === undefined) log.set(random, (secrets = new Map()));
    secrets.set(label, Buffer.from(secret, 'hex'));
  }
  return log;
}

/** What one side of a connection said, in clear. */
export interface DecryptedFlow {
  readonly bytes: Buffer;
  /** Records at the end that could not be read: the connection was cut off within one. */
  readonly cutOff: boolean;
}

interface Suite {
  readonly cipher: 'aes-128-gcm' | 'aes-256-gcm' | 'chacha20-poly1305';
  readonly hash: string;
  /** Bytes. */
  readonly key: number;
}

const suites: Record<number, Suite> = {
  0x1301: { cipher: 'aes-128-gcm', hash: 'sha256', key: 16 },
  0x1302: { cipher: 'aes-256-gcm', hash: 'sha384', key: 32 },
  0x1303: { cipher: 'chacha20-poly1305', hash: 'sha256', key: 32 },
};

const HANDSHAKE = 22;
const APPLICATION_DATA = 23;
const TAG_BYTES = 16;

/** RFC 8446 §7.1, with an empty context. */
function expandLabel(secret: Buffer, hash: string, label: string, length: number): Buffer {
  const name = Buffer.from(`tls13 ${label}`);
  const info = Buffer.concat([Buffer.from([length >> 8, length & 0xff, name.length]), name, Buffer.from([0])]);
  // HKDF-Expand alone: one block is enough for every length used here but SHA-384's secrets, which fit one as well.
  return createHmac(hash, secret)
    .update(info)
    .update(Buffer.from([1]))
    .digest()
    .subarray(0, length);
}

interface Keys {
  readonly secret: Buffer;
  readonly key: Buffer;
  readonly iv: Buffer;
  sequence: number;
}

function keysOf(secret: Buffer, suite: Suite): Keys {
  const key = expandLabel(secret, suite.hash, 'key', suite.key);
  return { secret, key, iv: expandLabel(secret, suite.hash, 'iv', 12), sequence: 0 };
}

interface RecordBytes {
  readonly type: number;
  readonly header: Buffer;
  readonly payload: Buffer;
}

function records(flow: Buffer): { records: RecordBytes[]; cutOff: boolean } {
  const list: RecordBytes[] = [];
  let at = 0;
  while (at + 5 <= flow.length) {
    const length = flow.readUInt16BE(at + 3);
    if (at + 5 + length > flow.length) break;
    list.push({
      type: flow.readUInt8(at),
      header: flow.subarray(at, at + 5),
      payload: flow.subarray(at + 5, at + 5 + length),
    });
    at += 5 + length;
  }
  return { records: list, cutOff: at < flow.length };
}

/**
 * Decrypts both directions of a recorded TLS 1.3 connection. Null: the connection ended before it said anything. Throws
 * when there is something to read and it cannot be read (no keys, TLS 1.2, an unknown suite): a tap that sees nothing
 * must not look like a wire that carries nothing.
 */
export function decryptTls(
  fromClient: Buffer,
  fromServer: Buffer,
  log: KeyLog,
): { readonly client: DecryptedFlow; readonly server: DecryptedFlow } | null {
  const client = records(fromClient);
  const server = records(fromServer);
  const [hello] = client.records;
  const answer = server.records.find((record) => record.type === HANDSHAKE);
  if (hello?.type !== HANDSHAKE || answer === undefined) {
    if (fromClient.length > 5 && fromClient[0] !== HANDSHAKE) throw new Error('the tap saw a connection without TLS');
    return null;
  }
  // Handshake header (4), version (2), random (32); in the answer also the session id and then the suite.
  const random = hello.payload.subarray(6, 38).toString('hex');
  const sessionId = answer.payload.readUInt8(38);
  const number = answer.payload.readUInt16BE(39 + sessionId);
  const suite = suites[number];
  if (suite === undefined)
    throw new Error(`the tap saw a TLS connection that is not 1.3 (suite ${number.toString(16)})`);
  const secrets = log.get(random);
  const open = (side: 'CLIENT' | 'SERVER', list: readonly RecordBytes[], cutOff: boolean): DecryptedFlow => {
    const protectedRecords = list.filter((record) => record.type === APPLICATION_DATA);
    const handshake = secrets?.get(`${side}_HANDSHAKE_TRAFFIC_SECRET`);
    const traffic = secrets?.get(`${side}_TRAFFIC_SECRET_0`);
    if (handshake === undefined || traffic === undefined) {
      // Killed within the handshake: nothing was said yet beyond a few handshake records.
      const said = protectedRecords.reduce((sum, { payload }) => sum + payload.length, 0);
      if (side === 'CLIENT' && said > 512) throw new Error('the tap has no keys for a connection');
      return { bytes: Buffer.alloc(0), cutOff: true };
    }
    let current = keysOf(handshake, suite);
    let phase: 'handshake' | 'traffic' = 'handshake';
    const parts: Buffer[] = [];
    for (const record of protectedRecords) {
      let inner = openRecord(record, current, suite.cipher);
      if (inner === null) {
        const hashLength = current.secret.length;
        current = keysOf(
          phase === 'handshake' ? traffic : expandLabel(current.secret, suite.hash, 'traffic upd', hashLength),
          suite,
        );
        phase = 'traffic';
        inner = openRecord(record, current, suite.cipher);
      }
      if (inner === null) throw new Error('the tap cannot decrypt a record');
      // TLSInnerPlaintext: content, type, zeros.
      let end = inner.length - 1;
      while (end >= 0 && inner[end] === 0) end--;
      if (inner[end] === APPLICATION_DATA) parts.push(inner.subarray(0, end));
    }
    return { bytes: Buffer.concat(parts), cutOff };
  };
  return {
    client: open('CLIENT', client.records, client.cutOff),
    server: open('SERVER', server.records, server.cutOff),
  };
}

function openRecord(record: RecordBytes, keys: Keys, cipher: Suite['cipher']): Buffer | null {
  const nonce = Buffer.from(keys.iv);
  nonce.writeUInt32BE((nonce.readUInt32BE(8) ^ keys.sequence) >>> 0, 8);
  const body = record.payload.subarray(0, record.payload.length - TAG_BYTES);
  const options = { authTagLength: TAG_BYTES };
  // The two families of AEAD have separate overloads.
  const decipher =
    cipher === 'chacha20-poly1305'
      ? createDecipheriv(cipher, keys.key, nonce, options)
      : createDecipheriv(cipher, keys.key, nonce, options);
  decipher.setAAD(record.header, { plaintextLength: body.length });
  decipher.setAuthTag(record.payload.subarray(record.payload.length - TAG_BYTES));
  try {
    const inner = Buffer.concat([decipher.update(body), decipher.final()]);
    keys.sequence++;
    return inner;
  } catch {
    return null;
  }
}
