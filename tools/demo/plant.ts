import { randomBytes } from 'node:crypto';
import { connectGateway } from '@sotto/gateway-api';
import {
  encodeEnvelope,
  encodeEnvelopeHeader,
  idFromText,
  mailboxId,
  roundExpiry,
  SEALED_BUCKETS,
  SUITE_PQXDH,
} from '@sotto/wire';
import { machineClock } from '@sotto/cli';
import { needlesOf } from '../tap/search.ts';

export interface Plant {
  readonly address: string;
  /** Whose mailbox gets it, base32. */
  readonly account: string;
  readonly device: string;
  readonly marker: string;
}

/**
 * Does what a careless program would: posts a text that is not encrypted, in an otherwise valid envelope, in every form
 * that the search knows. It passes the wire, lies in the gateway's files and is delivered; the search must find it.
 */
export async function plantOnWire(plant: Plant): Promise<void> {
  const connection = connectGateway({ address: plant.address, clock: machineClock });
  try {
    const account = idFromText('AccountId', plant.account);
    const device = idFromText('DeviceId', plant.device);
    const { token } = await connection.requestToken(account);
    const admission = { kind: 'request-token', token } as const;
    const { mailbox } = await connection.bundle({ account, device, admission });
    const readable = Buffer.concat(needlesOf(plant.marker).flatMap(({ bytes }) => [bytes, Buffer.alloc(3)]));
    const bucket = SEALED_BUCKETS.find((size) => size >= readable.length);
    if (bucket === undefined) throw new Error('the marker is too long');
    const sealed = Buffer.concat([readable, randomBytes(bucket - readable.length)]);
    const header = encodeEnvelopeHeader({
      suite: SUITE_PQXDH,
      mailbox: mailboxId(mailbox),
      expiresAt: roundExpiry(Math.floor(machineClock.now() / 1000) + 86_400),
      urgency: 'normal',
    });
    await connection.post(encodeEnvelope(header, sealed), admission);
  } finally {
    await connection.close();
  }
}
