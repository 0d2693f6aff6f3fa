import type { ReadStream, WriteStream } from 'node:tty';
import { explainGroupReason } from '@sotto/client';
import type {
  AccountRef,
  Contact,
  ConversationRef,
  Group,
  GroupInvitation,
  GroupJoinRequest,
  GroupNotice,
  Message,
} from '@sotto/client';
import type { CliClock } from '../clock.ts';
import { describeError } from '../describe-error.ts';
import { exitCodes } from '../exit-codes.ts';
import { cleanName } from '../output/clean.ts';
import { describeChange, describeGroupState } from '../people/describe.ts';
import { nameOf } from '../people/find-contact.ts';
import { groupNameOf, placeOfContact, placeOfGroup, Places } from '../people/places.ts';
import type { Place } from '../people/places.ts';
import { guardTerminal } from '../terminal/guard.ts';
import { listenToKeys } from '../terminal/keyboard.ts';
import type { KeyEvent } from '../terminal/keyboard.ts';
import { Screen } from '../terminal/screen.ts';
import type { Styles } from '../terminal/sequences.ts';
import { styles } from '../terminal/sequences.ts';
import type { ChatMessenger } from './chat-messenger.ts';
import type { ChatView } from './chat-view.ts';
import { ConversationView } from './conversation-view.ts';
import { conversationBlock, excerpt } from './format.ts';
import { InputHistory } from './input-history.ts';
import type { Draft } from './line-editor.ts';
import { edits, emptyDraft, insert, moveLine } from './line-editor.ts';
import { completeSlash, isQuit, runSlashCommand } from './slash-commands.ts';
import type { ChatControl } from './slash-commands.ts';

export interface TerminalChatOptions {
  readonly messenger: ChatMessenger;
  readonly input: ReadStream;
  readonly output: WriteStream;
  readonly colour: boolean;
  readonly clock: CliClock;
  /** The conversation that is opened first; null: none. */
  readonly start: ConversationRef | null;
  /** Lines shown before anything else. */
  readonly welcome?: readonly string[];
  /** Ends the chat as /quit does. */
  readonly signal?: AbortSignal;
}

/** Tell the other side at most this often that someone is writing, ms. */
const TYPING_EVERY_MS = 3000;
/** ms after a stop before the terminal is taken again. */
const RESUME_MS = 50;
/** How long "is writing" stands without news, ms. */
const TYPING_SHOWN_MS = 6000;

/**
 * The chat in a terminal. Resolves with an exit code once the person leaves (/quit, Ctrl-C, Ctrl-D on an empty line), a
 * signal ends it or the messenger closes; the terminal is as it was before, whatever happened.
 */
export async function runTerminalChat(options: TerminalChatOptions): Promise<number> {
  const chat = new TerminalChat(options);
  return await chat.run();
}

class TerminalChat {
  readonly #options: TerminalChatOptions;
  readonly #messenger: ChatMessenger;
  readonly #style: Styles;
  readonly #screen: Screen;
  readonly #view: ChatView;
  readonly #control: ChatControl;
  readonly #history = new InputHistory();
  #draft: Draft = emptyDraft;
  #conversation: ConversationView | null = null;
  /** The open conversation as last heard of. */
  #place: Place | null = null;
  #self: AccountRef | null = null;
  /** Unread messages in other conversations. */
  readonly #elsewhere = new Map<ConversationRef, { name: string; count: number }>();
  /** Who is writing in the open conversation, and what ends showing it. */
  #writing: { readonly name: string; readonly end: () => void } | null = null;
  #typingToldAt = 0;
  /** What changes the screen happens in order, one thing after another. */
  #last: Promise<void> = Promise.resolve();
  /** What was entered is done in order, one thing after another. */
  #work: Promise<void> = Promise.resolve();
  #finish: (exitCode: number) => void = () => undefined;

  constructor(options: TerminalChatOptions) {
    this.#options = options;
    this.#messenger = options.messenger;
    this.#style = styles(options.colour);
    this.#screen = new Screen(options.output, options.clock);
    this.#view = {
      print: (...blocks) => this.#screen.print(...blocks),
      notice: (text) => this.#screen.print({ lines: text.split('\n').map((line) => this.#style.dim(line)) }),
      alarm: (text) => this.#screen.print({ lines: text.split('\n').map((line) => this.#style.warn(line)) }),
      patch: (key, mark) => this.#screen.patch(key, mark),
      status: (status, prompt) => this.#screen.footer({ status, prompt }),
    };
    this.#control = {
      messenger: this.#messenger,
      view: this.#view,
      colour: options.colour,
      current: () => this.#conversation,
      switchTo: (conversation) => this.#switchTo(conversation),
      quit: () => this.#finish(exitCodes.ok.exit),
    };
  }

  async run(): Promise<number> {
    const { input, output, signal } = this.#options;
    const finished = new Promise<number>((resolve) => {
      this.#finish = resolve;
    });
    const quit = (): void => this.#finish(exitCodes.ok.exit);
    signal?.addEventListener('abort', quit, { once: true });
    if (signal?.aborted === true) quit();
    const guard = guardTerminal({
      input,
      output,
      beforeRelease: () => this.#screen.close(),
      onSignal: (exitCode) => this.#finish(exitCode),
    });
    const onResize = (): void => this.#screen.resized();
    output.on('resize', onResize);
    // To the whole process group, as the terminal's driver does it: whoever started this (npm, a shell) stops along.
    const suspend = (): void => {
      guard.release();
      process.kill(0, 'SIGTSTP');
      // Runs once the program goes on; at once where there is nobody to give the terminal to.
      this.#options.clock.after(RESUME_MS, () => {
        guard.take();
        this.#refreshStatus();
      });
    };
    const stops = [
      listenToKeys(input, {
        onKey: (event) => this.#onKey(event, suspend),
        asksPosition: () => this.#screen.asksPosition,
        onPosition: (column) => this.#screen.position(column),
      }),
      () => output.off('resize', onResize),
      () => signal?.removeEventListener('abort', quit),
      ...this.#listen(),
    ];
    try {
      for (const line of this.#options.welcome ?? []) this.#screen.print({ lines: [line] });
      await this.#begin();
      return await finished;
    } finally {
      for (const stop of stops) stop();
      this.#writing?.end();
      guard.dispose();
    }
  }

  async #begin(): Promise<void> {
    this.#self = (await this.#messenger.self()).account;
    const conversations = await this.#messenger.conversations();
    for (const { id, name, unread } of conversations) {
      if (unread > 0 && id !== this.#options.start) this.#elsewhere.set(id, { name, count: unread });
    }
    for (const request of await this.#messenger.requests()) this.#tellRequest(request);
    for (const invitation of await this.#messenger.groups.invitations()) await this.#tellInvitation(invitation);
    if (this.#options.start !== null) await this.#switchTo(this.#options.start);
    else this.#refreshStatus();
  }

  #listen(): (() => void)[] {
    const { events } = this.#messenger;
    const refresh = (): void => this.#refreshStatus();
    return [
      events.on('message-received', ({ message }) => this.#inOrder(() => this.#onMessage(message))),
      events.on('message-sent', ({ message }) => this.#inOrder(() => this.#onMessage(message))),
      events.on('message-updated', ({ message }) =>
        this.#inOrder(async () => {
          if (message.conversation === this.#place?.conversation) await this.#conversation?.updated(message);
        }),
      ),
      events.on('contact-request', ({ contact }) => this.#tellRequest(contact)),
      events.on('contact-changed', ({ contact }) => this.#onContact(contact)),
      events.on('identity-changed', ({ contact, change }) => this.#view.alarm(describeChange(contact, change))),
      events.on('group-invited', ({ invitation }) => this.#inOrder(() => this.#tellInvitation(invitation))),
      events.on('group-joined', ({ group }) => this.#onGroup(group, null)),
      events.on('group-changed', ({ group, notice }) => this.#onGroup(group, notice)),
      events.on('group-left', ({ group, reason }) => {
        this.#view.alarm(`${groupNameOf(group)}: ${explainGroupReason(reason)}`);
        this.#onGroup(group, null);
      }),
      events.on('group-join-requested', ({ request }) => this.#inOrder(() => this.#tellJoinRequest(request))),
      events.on('typing', ({ conversation, account, active }) =>
        this.#inOrder(() => this.#onTyping(conversation, account, active)),
      ),
      events.on('connection-changed', refresh),
      events.on('closed', ({ why }) => {
        if (why === 'revoked') {
          this.#view.alarm(
            'This device was removed from the account by another device. It can no longer send or receive.',
          );
        }
        this.#finish(why === 'revoked' ? exitCodes.refused.exit : exitCodes.ok.exit);
      }),
    ];
  }

  /** One after another; a failure is told and does not stop what follows. */
  #inOrder(task: () => Promise<void>): void {
    this.#last = this.#last.then(task).catch((error: unknown) => this.#tell(error));
  }

  async #onMessage(message: Message): Promise<void> {
    const { conversation } = message;
    if (this.#conversation !== null && conversation === this.#place?.conversation) {
      this.#stopWriting();
      await this.#conversation.arrived(message);
      return;
    }
    if (message.own) return;
    const places = await Places.load(this.#messenger);
    const author = await places.nameOf(conversation, message.author);
    const place = places.of(conversation);
    const name = place?.name ?? author;
    const count = (this.#elsewhere.get(conversation)?.count ?? 0) + 1;
    this.#elsewhere.set(conversation, { name, count });
    const where = place?.kind === 'group' ? ` in ${name}` : '';
    this.#view.notice(`${author} wrote${where}: “${excerpt(message)}”. Read it with /switch ${name}`);
    this.#refreshStatus();
  }

  #onContact(contact: Contact): void {
    if (this.#place?.kind !== 'contact' || contact.account !== this.#place.contact.account) {
      if (contact.state === 'accepted') this.#refreshStatus();
      return;
    }
    const before = this.#place.contact.state;
    this.#rename(placeOfContact(contact));
    if (before === 'requested' && contact.state === 'accepted') this.#view.notice(`${nameOf(contact)} accepted.`);
    if (before === 'requested' && contact.state === 'declined') this.#view.alarm(`${nameOf(contact)} declined.`);
    this.#refreshStatus();
  }

  #onGroup(group: Group, notice: GroupNotice | null): void {
    if (group.id !== this.#place?.conversation) return;
    this.#rename(placeOfGroup(group));
    if (notice !== null) this.#inOrder(async () => this.#conversation?.told(notice));
    this.#refreshStatus();
  }

  #rename(place: Place): void {
    this.#place = place;
    if (this.#conversation?.place.conversation === place.conversation) this.#conversation.rename(place);
  }

  async #tellInvitation({ group, name, inviter, members }: GroupInvitation): Promise<void> {
    const places = await Places.load(this.#messenger);
    const who = await places.nameOf(group, inviter);
    const called = groupNameOf({ id: group, name });
    const size = members === 1 ? '1 member' : `${members} members`;
    this.#view.notice(
      `${who} invites you to the group ${called} (${size}). Answer with /accept ${called} or /decline ${called}`,
    );
  }

  async #tellJoinRequest({ group, name }: GroupJoinRequest): Promise<void> {
    const place = (await Places.load(this.#messenger)).of(group);
    this.#view.notice(
      `${cleanName(name)} would like to come into ${place?.name ?? 'a group'}. Open it and answer with ` +
        `/group approve ${cleanName(name)} or /group refuse ${cleanName(name)}`,
    );
  }

  #tellRequest(contact: Contact): void {
    const name = nameOf(contact);
    const greeting = contact.greeting === null ? '' : `: “${cleanName(contact.greeting)}”`;
    this.#view.notice(`${name} would like to write to you${greeting}. Answer with /accept ${name} or /decline ${name}`);
  }

  async #onTyping(conversation: ConversationRef, account: AccountRef, active: boolean): Promise<void> {
    if (conversation !== this.#place?.conversation) return;
    const name = await (await Places.load(this.#messenger)).nameOf(conversation, account);
    this.#writing?.end();
    this.#writing = null;
    if (active) {
      const end = this.#options.clock.after(TYPING_SHOWN_MS, () => {
        this.#writing = null;
        this.#refreshStatus();
      });
      this.#writing = { name, end };
    }
    this.#refreshStatus();
  }

  #stopWriting(): void {
    if (this.#writing === null) return;
    this.#writing.end();
    this.#writing = null;
    this.#refreshStatus();
  }

  async #switchTo(conversation: ConversationRef): Promise<void> {
    const place = (await Places.load(this.#messenger)).of(conversation);
    const self = this.#self;
    if (place === null || self === null) return;
    const opened = new ConversationView({
      place,
      messenger: this.#messenger,
      view: this.#view,
      style: this.#style,
      self,
    });
    this.#place = place;
    this.#elsewhere.delete(conversation);
    this.#stopWriting();
    this.#inOrder(async () => {
      if (this.#conversation !== null) this.#view.print(conversationBlock(place.name, this.#style));
      this.#conversation = opened;
      await opened.open();
      this.#refreshStatus();
    });
    await this.#last;
  }

  #refreshStatus(): void {
    this.#view.status(this.#style.dim(this.#statusText()), '> ');
  }

  #statusText(): string {
    const place = this.#place;
    const parts: string[] = [];
    if (place === null) parts.push('nobody to write to yet: /add NAME, or /link to be added');
    else {
      parts.push(place.name, ...(place.kind === 'contact' ? contactParts(place.contact) : groupParts(place.group)));
      if (this.#writing !== null)
        parts.push(place.kind === 'group' ? `${this.#writing.name} is writing…` : 'is writing…');
    }
    switch (this.#messenger.connection) {
      case 'online':
        parts.push('connected');
        break;
      case 'connecting':
        parts.push('connecting…');
        break;
      case 'offline':
        parts.push('no connection, messages wait here');
        break;
      case 'closed':
        break;
    }
    for (const { name, count } of this.#elsewhere.values()) parts.push(`${count} new from ${cleanName(name)}`);
    return `── ${parts.join(' · ')} ──`;
  }

  #onKey(event: KeyEvent, suspend: () => void): void {
    switch (event.kind) {
      case 'text':
      case 'paste':
        this.#change(insert(this.#draft, event.text));
        this.#tellTyping();
        return;
      case 'newline':
        this.#change(insert(this.#draft, '\n'));
        return;
      case 'edit':
        this.#change(edits[event.edit](this.#draft));
        return;
      case 'up':
      case 'down': {
        const moved = moveLine(this.#draft, event.kind) ?? this.#history.move(this.#draft, event.kind);
        if (moved !== null) this.#change(moved);
        return;
      }
      case 'enter':
        this.#enter();
        return;
      case 'complete':
        this.#complete();
        return;
      case 'clear-screen':
        this.#screen.clear();
        return;
      case 'suspend':
        suspend();
        return;
      case 'interrupt':
        this.#finish(exitCodes.ok.exit);
        return;
      case 'end-of-input':
        if (this.#draft.text === '') this.#finish(exitCodes.ok.exit);
        else this.#change(edits.delete(this.#draft));
    }
  }

  #change(draft: Draft): void {
    this.#draft = draft;
    this.#screen.footer({ draft });
  }

  #enter(): void {
    const { text } = this.#draft;
    if (text.trim() === '') return;
    this.#history.add(text);
    this.#change(emptyDraft);
    if (isQuit(text)) {
      this.#control.quit();
      return;
    }
    // In the order typed: a text written right after /switch belongs to the conversation switched to.
    this.#work = this.#work
      .then(() => (text.startsWith('/') && !text.startsWith('//') ? this.#command(text) : this.#send(text)))
      .catch((error: unknown) => {
        this.#tell(error);
        if (this.#draft.text === '') this.#change({ text, cursor: text.length });
      });
  }

  async #command(line: string): Promise<void> {
    await runSlashCommand(this.#control, line);
  }

  async #send(text: string): Promise<void> {
    const place = this.#place;
    if (place === null) {
      this.#view.notice('Nobody to write to yet. Add someone with /add NAME, or show your /link.');
      this.#change({ text, cursor: text.length });
      return;
    }
    this.#typingToldAt = 0;
    await this.#messenger.send(place.conversation, text.startsWith('//') ? text.slice(1) : text);
  }

  #complete(): void {
    const { text } = this.#draft;
    const take = (completed: string | null): void => {
      if (completed !== null && this.#draft.text === text) {
        this.#change({ text: completed, cursor: completed.length });
      }
    };
    const completed = completeSlash(this.#messenger, text);
    if (completed instanceof Promise) completed.then(take, (error: unknown) => this.#tell(error));
    else take(completed);
  }

  #tellTyping(): void {
    const place = this.#place;
    if (place === null || this.#draft.text.startsWith('/')) return;
    const isOpen = place.kind === 'contact' ? place.contact.state === 'accepted' : place.group.state === 'joined';
    if (!isOpen) return;
    const now = this.#options.clock.now();
    if (now - this.#typingToldAt < TYPING_EVERY_MS) return;
    this.#typingToldAt = now;
    this.#messenger.typing(place.conversation, true).catch((error: unknown) => this.#tell(error));
  }

  #tell(error: unknown): void {
    const { message, advice } = describeError(error);
    this.#view.alarm(advice === null ? message : `${message} ${advice}`);
  }
}

function contactParts(contact: Contact): string[] {
  const parts: string[] = [];
  if (contact.state === 'requested') parts.push(`waits until ${nameOf(contact)} accepts`);
  else if (contact.state !== 'accepted') parts.push(contact.state);
  if (contact.verification === 'changed') parts.push('devices changed: compare /safety');
  return parts;
}

function groupParts({ state, members }: Group): string[] {
  const size = members === 1 ? '1 member' : `${members} members`;
  return state === 'joined' ? [size] : [size, describeGroupState(state)];
}
