import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AccountRef, Contact, ConversationRef } from '@sotto/client';
import { CliError } from '../src/error.ts';
import { findContact, nameOf } from '../src/people/find-contact.ts';

function contact(id: string, names: { nickname?: string; profile?: string; accountName?: string }): Contact {
  const account = id.padEnd(52, 'a') as AccountRef;
  return {
    account,
    conversation: `c${id}` as ConversationRef,
    state: 'accepted',
    name: names.nickname ?? names.profile ?? names.accountName ?? account.slice(0, 8),
    nickname: names.nickname ?? null,
    profile: names.profile === undefined ? null : { name: names.profile, avatarHash: null },
    accountName: names.accountName ?? null,
    gateway: 'sotto://127.0.0.1:1/x',
    greeting: null,
    verification: 'unverified',
    forkedAt: null,
    addedAt: 0,
  };
}

const alice = contact('bcdefgh', { profile: 'Alice', accountName: 'alice' });
const bob = contact('cdefghi', { profile: 'Bob', nickname: 'Bobby' });
const nguyen = contact('defghij', { profile: 'Nguyễn Văn An' });

test('R-APP-2 contacts are found by nickname, account name, profile name and beginning of the id', () => {
  const all = [alice, bob, nguyen];
  assert.equal(findContact(all, 'ALICE'), alice);
  assert.equal(findContact(all, 'bobby'), bob);
  assert.equal(findContact(all, 'Bob'), bob);
  assert.equal(findContact(all, 'nguyễn văn an'.normalize('NFD')), nguyen);
  assert.equal(findContact(all, 'cdefgh'), bob);
  assert.equal(findContact(all, bob.account), bob);
});

test('R-APP-2 nobody takes the place of a nickname, or of another contact, by the name they choose', () => {
  const impostor = contact('zzzzzzz', { profile: 'Bobby', accountName: 'alice' });
  const all = [impostor, alice, bob];
  assert.equal(findContact(all, 'bobby'), bob);
  assert.throws(
    () => findContact(all, 'alice'),
    (error) => error instanceof CliError && error.code === 'usage',
  );
});

test('R-APP-2 a name that fits nobody is told with the names there are', () => {
  assert.throws(
    () => findContact([alice], 'carol'),
    (error) => error instanceof CliError && error.code === 'not_found' && error.advice?.includes('Alice') === true,
  );
});

test('R-APP-2 a name of control characters only is shown as the id', () => {
  assert.equal(nameOf(contact('qrstuvw', { profile: '\u001b[2J\u202e' })), 'qrstuvwaaa');
});
