import type { Message, Outgoing } from '../conversations/types.ts';
import type { Group } from '../groups/types.ts';
import type { Messenger } from '../messenger.ts';
import type { CreateOptions } from '../options.ts';
import type { SentMessage } from '../outbox/types.ts';
import type { Settings } from '../settings.ts';

/** A text that an agent is to answer. */
export interface AgentMessage {
  readonly message: Message;
  /** The text, without the name by which the agent was addressed. */
  readonly text: string;
  /** The group it was written in; null: written to the agent alone. */
  readonly group: Group | null;
  /** The author's name, for display. */
  readonly author: string;
  readonly messenger: Messenger;
  /** Answers, as a reply to it. Durable when it resolves. */
  reply(text: string): Promise<SentMessage>;
  /** Sends anything to the same conversation. */
  send(content: Outgoing): Promise<SentMessage>;
}

/** What an agent does with a text; a string is sent as the reply. */
export type Answer = (message: AgentMessage) => string | null | void | Promise<string | null | void>;

export interface AgentOptions extends Omit<CreateOptions, 'vault' | 'settings'> {
  /**
   * Folder of its account: opened if there is one, made otherwise. The key that opens it lies beside the vault, readable
   * by this user only (`fileKeystore`); `vault` chooses another keystore.
   */
  readonly folder: string;
  readonly vault?: CreateOptions['vault'];
  readonly answer: Answer;
  /**
   * Which texts in groups it answers. `addressed` (default): those that mention it, reply to it, or begin with its name or
   * `/`. `all`: every one.
   */
  readonly inGroups?: 'addressed' | 'all';
  /** Default: everyone becomes a contact, and contacts may bring it into groups. */
  readonly settings?: Partial<Settings>;
}

/** A running agent. */
export interface Agent extends AsyncDisposable {
  readonly messenger: Messenger;
  /** Stops taking messages, finishes the answers begun, closes the account. */
  close(): Promise<void>;
}
