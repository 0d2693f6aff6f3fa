import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { describe, test } from 'node:test';
import type { ConversationRef, MessageRef, ReasonCode } from '@sotto/client';
import type { FaultKind } from '../src/index.ts';
import type { DeviceNode } from '../src/device/device-node.ts';
import { lift } from '../src/play/faults.ts';
import { newFolder } from '../src/play/seed.ts';
import { messengerOf, World } from '../src/play/world.ts';

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

interface Scene {
  readonly world: World;
  readonly sender: DeviceNode;
  readonly receiver: DeviceNode;
  /** Resolves to the message when the sender has stored it. */
  readonly send: () => Promise<MessageRef>;
}

interface Row {
  /** What the trail says. */
  readonly says: ReasonCode;
  /** Whose trail. */
  readonly at: 'sender' | 'receiver';
  /** Makes it happen to a message, which it gives back. */
  readonly happens: (scene: Scene) => Promise<MessageRef>;
}

/** Every kind of fault that the simulator injects, and what `explain` says of a message that it befalls. */
const table: Readonly<Record<FaultKind, Row>> = {
  crash: {
    says: 'taken-up',
    at: 'sender',
    happens: async ({ sender, send }) => {
      sender.points?.arm(1, 'send');
      return send();
    },
  },
  vanish: {
    says: 'waited-at-gateway',
    at: 'receiver',
    happens: async ({ world, receiver, send }) => {
      receiver.crash();
      await world.pass(SECOND);
      return send();
    },
  },
  slow: {
    says: 'slow-connection',
    at: 'sender',
    happens: async ({ sender, send }) => {
      sender.way.weather = { kind: 'slow', extraMs: 8 * SECOND };
      return send();
    },
  },
  silent: {
    says: 'waiting-connection',
    at: 'sender',
    happens: async ({ sender, send }) => {
      sender.way.weather = { kind: 'silent' };
      return send();
    },
  },
  cut: {
    says: 'waiting-connection',
    at: 'sender',
    happens: async ({ sender, send }) => {
      sender.way.weather = { kind: 'cut' };
      return send();
    },
  },
  lose: {
    says: 'healing',
    at: 'sender',
    happens: async ({ world, send }) => {
      world.pranks.push({ kind: 'lose' });
      return send();
    },
  },
  hold: {
    says: 'held-back',
    at: 'receiver',
    happens: async ({ world, send }) => {
      world.pranks.push({ kind: 'hold', ms: 2 * SECOND });
      await send();
      await world.pass(200);
      return send();
    },
  },
  repeat: {
    says: 'duplicate',
    at: 'receiver',
    happens: async ({ world, send }) => {
      world.pranks.push({ kind: 'repeat' });
      return send();
    },
  },
  skew: {
    says: 'clock-differs',
    at: 'sender',
    happens: async ({ sender, send }) => {
      sender.skewMs = 3 * HOUR;
      return send();
    },
  },
  'slow-reader': {
    says: 'waited-at-gateway',
    at: 'receiver',
    happens: async ({ receiver, send }) => {
      receiver.way.reading = false;
      return send();
    },
  },
  'disk-full': {
    says: 'storage-failed',
    at: 'sender',
    happens: async ({ world, sender, send }) => {
      sender.way.weather = { kind: 'cut' };
      const message = await send();
      await world.pass(SECOND);
      sender.diskFull = true;
      sender.way.weather = { kind: 'fair' };
      return message;
    },
  },
  'full-mailbox': {
    says: 'mailbox-full',
    at: 'sender',
    happens: async ({ world, send }) => {
      world.gateway.mailboxMessages = 0;
      return send();
    },
  },
  'gateway-crash': {
    says: 'waiting-connection',
    at: 'sender',
    happens: async ({ world, send }) => {
      world.gateway.crash();
      return send();
    },
  },
  'gateway-restart': {
    says: 'waiting-connection',
    at: 'sender',
    happens: async ({ world, send }) => {
      world.gateway.stop();
      return send();
    },
  },
  'gateway-skew': {
    says: 'clock-differs',
    at: 'sender',
    happens: async ({ world, send }) => {
      world.gateway.skewMs = -3 * HOUR;
      return send();
    },
  },
};

describe('explain names the cause of every kind of fault', () => {
  for (const [fault, { says, at, happens }] of Object.entries(table)) {
    test(`${fault}: the ${at}'s trail says ${says}`, async () => {
      const folder = newFolder('memory');
      const world = await World.create({ seed: fault, folder, accounts: [1, 1] });
      try {
        const [sender, receiver] = world.devices;
        const conversation = await conversationOf(world, sender!);
        const send = async (): Promise<MessageRef> =>
          (await world.settled(messengerOf(sender!).send(conversation, 'Is anybody there?'))).id;
        await world.settled(messengerOf(sender!).send(conversation, 'Hello'));
        await world.pass(10 * SECOND);
        const message = await happens({ world, sender: sender!, receiver: receiver!, send });
        await world.pass(100 * SECOND);
        lift(world);
        await world.pass(HOUR);
        const { steps } = await world.settled(messengerOf(at === 'sender' ? sender! : receiver!).explain(message));
        const codes = steps.map(({ code }) => code);
        assert.ok(codes.includes(says), steps.map(({ at: when, code }) => `${code}@${when}`).join());
        assert.equal((await world.settled(messengerOf(receiver!).message(message)))?.body.kind, 'text');
      } finally {
        await world.close();
        rmSync(folder, { recursive: true, force: true });
      }
    });
  }
});

async function conversationOf(world: World, device: DeviceNode): Promise<ConversationRef> {
  const [contact] = await world.settled(messengerOf(device).contacts());
  return contact!.conversation;
}
