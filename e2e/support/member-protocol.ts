import type { Group, GroupMember } from '@sotto/client';

/** What a member's process is asked to do. */
export interface MemberCalls {
  create: { request: { name: string; accounts: readonly string[] }; result: string };
  invite: { request: { group: string; account: string }; result: string };
  remove: { request: { group: string; account: string }; result: string };
  role: { request: { group: string; account: string; role: 'member' | 'admin' | 'owner' }; result: string };
  rename: { request: { group: string; name: string }; result: string };
  rotate: { request: { group: string }; result: string };
  /** Stored when it is answered. */
  send: { request: { group: string; text: string }; result: null };
  view: { request: { group: string }; result: GroupView };
  texts: { request: { group: string }; result: readonly string[] };
  /** Texts that the gateway has. */
  accepted: { request: { group: string }; result: readonly string[] };
  /** What this device knows of itself, for a failed test. */
  diagnose: { request: { group: string }; result: string };
  close: { request: Record<string, never>; result: null };
}

/** A group as one device sees it. */
export interface GroupView {
  readonly state: Group['state'] | 'unknown';
  readonly name: string;
  readonly epoch: number;
  /** By account. */
  readonly members: readonly Pick<GroupMember, 'account' | 'role' | 'devices'>[];
  /** Changes asked for here that are not decided. */
  readonly pending: number;
  /** Messages that have not left. */
  readonly waiting: number;
}

export type MemberRequest = {
  [Call in keyof MemberCalls]: {
    readonly id: number;
    readonly call: Call;
    readonly request: MemberCalls[Call]['request'];
  };
}[keyof MemberCalls];

export type MemberReply =
  | { readonly kind: 'ready' }
  | { readonly kind: 'result'; readonly id: number; readonly result: unknown }
  | { readonly kind: 'error'; readonly id: number; readonly error: string };
