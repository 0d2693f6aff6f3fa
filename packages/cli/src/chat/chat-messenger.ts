import type { Messenger } from '@sotto/client';

/** What the terminal chat needs of a messenger. */
export type ChatMessenger = Pick<
  Messenger,
  | 'events'
  | 'connection'
  | 'self'
  | 'contactLink'
  | 'addContact'
  | 'requests'
  | 'acceptRequest'
  | 'declineRequest'
  | 'contacts'
  | 'contact'
  | 'block'
  | 'unblock'
  | 'setNickname'
  | 'safetyNumber'
  | 'verifyContact'
  | 'conversation'
  | 'conversations'
  | 'groups'
  | 'send'
  | 'typing'
  | 'markRead'
  | 'history'
  | 'message'
  | 'search'
  | 'explain'
>;
