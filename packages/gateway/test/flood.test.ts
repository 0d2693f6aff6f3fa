import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { connect } from 'node:http2';
import type { ClientHttp2Session } from 'node:http2';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { connectGateway } from '@sotto/gateway-api';
import { systemClock } from '@sotto/transport';
import { ChildGateway, freePort } from './support/child-gateway.ts';

const MIB = 2 ** 20;
const LIMIT_MIB = 256;
/** The process itself when it does nothing: program, compiled code, empty heap. */
const IDLE_MIB = 160;
const CONNECTIONS = 128;
/** Few enough that no limit of a single connection is reached. */
const STREAMS = 4;

/** Begins a frame of 700 KiB and never ends it, on every stream of a connection. */
function flood(url: string, ca: Buffer): { session: ClientHttp2Session; sent: Promise<unknown> } {
  const session = connect(url, { ca });
  session.on('error', () => undefined);
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(700 * 1024, 1);
  const part = Buffer.concat([prefix, Buffer.alloc(690 * 1024)]);
  const sent: Promise<void>[] = [];
  for (let i = 0; i < STREAMS; i++) {
    const stream = session.request({
      ':method': 'POST',
      ':path': '/sotto.gateway.v1.PostService/PostStream',
      'content-type': 'application/connect+proto',
    });
    stream.on('error', () => undefined);
    stream.resume();
    sent.push(new Promise((resolve) => stream.write(part, () => resolve())));
  }
  return { session, sent: Promise.all(sent) };
}

test(`R-GW-5 a flood of unfinished requests takes no more memory than stated, and passes`, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'sotto-flood-'));
  try {
    await using child = await ChildGateway.start(folder, await freePort(), LIMIT_MIB);
    const url = child.address.replace('sotto://', 'https://').replace(/\/[^/]*$/, '');
    const ca = readFileSync(join(folder, 'ca.pem'));
    const floods = Array.from({ length: CONNECTIONS }, () => flood(url, ca));
    let over = false;
    void Promise.all(floods.map(({ sent }) => sent)).then(() => (over = true));
    let most = 0;
    for (let i = 0; i < 100 && !isOver(); i++) {
      await new Promise((resolve) => setTimeout(resolve, 100));
      most = Math.max(most, await child.residentMemory());
    }
    assert.ok(isOver(), 'everything was taken or refused');
    const offered = Math.round((CONNECTIONS * STREAMS * 690) / 1024);
    t.diagnostic(`${offered} MiB offered, ${Math.round(most / MIB)} MiB resident at most`);
    assert.ok(most < (LIMIT_MIB + IDLE_MIB) * MIB, `${Math.round(most / MIB)} MiB`);
    for (const { session } of floods) session.destroy();
    function isOver(): boolean {
      return over;
    }
    const gateway = connectGateway({ address: child.address, clock: systemClock });
    const served = async (): Promise<boolean> =>
      gateway.info().then(
        () => true,
        () => false,
      );
    for (let i = 0; i < 50 && !(await served()); i++) await new Promise((resolve) => setTimeout(resolve, 100));
    assert.ok(await served(), 'it serves again');
    await gateway.close();
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
