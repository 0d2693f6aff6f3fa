import { create, toBinary } from '@bufbuild/protobuf';
import type { MessageInitShape, UnknownField } from '@bufbuild/protobuf';
import { ContentSchema, equalBytes } from '@sotto/wire';
import { StoredOutbound_Audience, StoredOutbound_Until } from '@sotto/wire/stored';
import { completeEffects } from '../../src/effects.ts';
import { contentId, conversationWith } from '../../src/core/core.ts';
import { openStore } from '../../src/open-vault.ts';
import { enqueue } from '../../src/outbox/rows.ts';
import type { AccountRef } from '../../src/refs.ts';
import { furnish, layGround, moveIn, moveOut } from '../../src/rooms.ts';
import type { Rooms } from '../../src/rooms.ts';
import { accountOf } from '../../src/store/refs.ts';
import { contacts } from '../../src/store/tables.ts';
import { join } from 'node:path';
import { keystoreIn, quick } from './people.ts';
import type { Person } from './people.ts';

/** A person's own account and sessions in the hands of a program that says what it likes. */
export interface Liar extends AsyncDisposable {
  readonly rooms: Rooms;
  /** Sends a content as given, whatever the limits say, and waits until the gateway has it. */
  say(
    to: AccountRef,
    content: MessageInitShape<typeof ContentSchema>,
    unknownFields?: readonly UnknownField[],
  ): Promise<void>;
  /** The capability that `to` gave for its first device, and the mailbox it opens. */
  addressOf(to: AccountRef): { readonly capability: Uint8Array; readonly mailbox: Uint8Array };
}

/** Takes over a person's vault; the person's own messenger is closed. */
export async function liarOf(person: Person): Promise<Liar> {
  await person.messenger.close();
  const effects = completeEffects(person.options.effects);
  const folder = { folder: join(person.folder, 'vault'), keystore: keystoreIn(person.folder) };
  const vault = await openStore(folder, effects, 'refuse');
  const rooms = furnish(layGround(vault, effects), quick, () => undefined);
  await moveIn(rooms);
  const { core } = rooms;
  return {
    rooms,
    async say(to, content, unknownFields = []) {
      const account = accountOf(to);
      const conversation = conversationWith(core, account);
      const whole = create(ContentSchema, { version: 1, conversation, ...content });
      if (unknownFields.length > 0) whole.$unknown = [...unknownFields];
      const bytes = toBinary(ContentSchema, whole);
      const id = contentId(core, core.self.device, bytes);
      const ref = core.ledger.commit((tx) =>
        enqueue(tx, core, {
          id,
          bytes,
          conversation: null,
          recipient: account,
          audience: StoredOutbound_Audience.RECIPIENT,
          until: StoredOutbound_Until.ACCEPTED,
          urgent: false,
        }),
      );
      await core.events.next('outbox-changed', {
        where: ({ message, reason }) => message === ref && reason === 'accepted',
      });
    },
    addressOf(to) {
      const row = core.ledger.read((read) => contacts.get(read, to));
      const [address] = row?.addresses?.addresses ?? [];
      if (address === undefined || !equalBytes(row?.account ?? new Uint8Array(0), accountOf(to))) throw new Error();
      return address;
    },
    async [Symbol.asyncDispose]() {
      await moveOut(rooms, 'asked');
    },
  };
}
