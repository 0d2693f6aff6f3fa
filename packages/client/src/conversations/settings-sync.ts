import type { ConversationSync, DeviceId } from '@sotto/wire';
import { conversationId, MAX_RECEIPT_MESSAGES } from '@sotto/wire';
import { StoredOutbound_Audience, StoredOutbound_Until } from '@sotto/wire/stored';
import type { StoredConversation } from '@sotto/wire/stored';
import { Alarm } from '../core/alarm.ts';
import type { Core } from '../core/core.ts';
import { enqueue } from '../outbox/rows.ts';
import type { Tx } from '../store/ledger.ts';
import { conversations } from '../store/tables.ts';
import { composeControl } from './compose.ts';
import { DUE, putConversation } from './rows.ts';

/** Tells own other devices how conversations are kept: a little later, so that a draft is not sent letter by letter. */
export class SettingsSync {
  readonly #core: Core;
  readonly #alarm: Alarm;

  constructor(core: Core) {
    this.#core = core;
    this.#alarm = new Alarm(core, () => this.#flush());
    core.bells.on('settings', () => this.#wait());
  }

  /** Takes up what was not told before the last close. */
  open(): void {
    const due = this.#core.ledger.read((read) => conversations.find(read, 'settings-due', DUE));
    if (due.length > 0) this.#wait();
  }

  close(): void {
    this.#alarm.clear();
  }

  #wait(): void {
    this.#alarm.set(this.#core.clock.now() + this.#core.settings.settingsDelayMs);
  }

  #flush(): void {
    if (this.#core.background.closing) return;
    this.#core.ledger.commit((tx) => {
      for (const { row } of conversations.find(tx.write, 'settings-due', DUE)) {
        tellSettings(tx, this.#core, row);
        row.settingsDue = false;
        row.hiddenDue = [];
        putConversation(tx, row);
      }
    });
  }
}

/** Tells own other devices, or one that is new, how a conversation is kept. */
export function tellSettings(tx: Tx, core: Core, row: StoredConversation, device?: DeviceId): void {
  if (core.own.otherDevices().length === 0) return;
  const { settings, timer, hiddenDue } = row;
  if (settings === undefined && timer === undefined && hiddenDue.length === 0) return;
  const kept = { ...(settings === undefined ? {} : { settings }), ...(timer === undefined ? {} : { timer }) };
  for (let i = 0; i === 0 || i < hiddenDue.length; i += MAX_RECEIPT_MESSAGES) {
    tell(tx, core, row, { ...(i === 0 ? kept : {}), hidden: hiddenDue.slice(i, i + MAX_RECEIPT_MESSAGES) }, device);
  }
}

function tell(
  tx: Tx,
  core: Core,
  row: StoredConversation,
  value: Partial<Omit<ConversationSync, '$typeName'>>,
  device: DeviceId | undefined,
): void {
  const { id, bytes } = composeControl(core, conversationId(row.id), { kind: 'conversationSync', value });
  enqueue(tx, core, {
    id,
    bytes,
    conversation: null,
    recipient: null,
    audience: device === undefined ? StoredOutbound_Audience.OWN : StoredOutbound_Audience.DEVICE,
    ...(device === undefined ? {} : { device }),
    until: StoredOutbound_Until.DELIVERED,
    urgent: false,
  });
}
