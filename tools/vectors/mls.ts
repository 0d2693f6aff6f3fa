import type { CryptoProvider } from '@sotto/crypto';
import { fieldsOf, labelAt } from './fields.ts';
import type { Fields } from './fields.ts';
import { cryptoBasics } from './mls/crypto-basics.ts';
import { deserialization, messages } from './mls/messages.ts';
import { messageProtection } from './mls/message-protection.ts';
import { passiveClient, welcome } from './mls/passive.ts';
import { keySchedule, pskSecrets, secretTree, transcriptHashes } from './mls/schedule.ts';
import { treeMath, treeOperations, treeValidation } from './mls/tree.ts';
import { treeKem } from './mls/treekem.ts';
import { outcomeOf } from './outcome.ts';
import type { Difference } from './outcome.ts';
import type { VectorRunner } from './runner.ts';

/** The official vectors of RFC 9420 (mlswg/mls-implementations), a runner for each kind of file. */
export const mls: readonly VectorRunner[] = [
  runner(['crypto-basics.json'], cryptoBasics),
  runner(['deserialization.json'], deserialization),
  runner(['messages.json'], messages),
  runner(['tree-math.json'], treeMath),
  runner(['tree-operations.json'], treeOperations),
  runner(['tree-validation.json'], treeValidation),
  runner(['treekem.json'], treeKem),
  runner(['key-schedule.json'], keySchedule),
  runner(['secret-tree.json'], secretTree),
  runner(['transcript-hashes.json'], transcriptHashes),
  runner(['psk_secret.json'], pskSecrets),
  runner(['message-protection.json'], messageProtection),
  runner(['welcome.json'], welcome),
  runner(
    [
      'passive-client-welcome.json',
      'passive-client-handling-commit.json',
      'passive-client-random.json',
      'application.json',
      'branch.json',
      'commit.json',
      'external_join.json',
      'external_proposals.json',
      'reinit.json',
      'welcome_join.json',
    ],
    passiveClient,
  ),
];

function runner(
  names: readonly string[],
  check: (fields: Fields, provider: CryptoProvider) => Difference,
): VectorRunner {
  return {
    name: 'MLS',
    recognises: (fileName) => names.includes(fileName),
    async *run(json, provider) {
      if (!Array.isArray(json)) throw new Error('expected a JSON list');
      for (const [index, entry] of json.entries()) {
        const fields = fieldsOf(entry);
        const suite = labelAt(fields, 'cipher_suite');
        yield await outcomeOf(`#${index}${suite === '' ? '' : ` suite ${suite}`}`, () => check(fields, provider));
      }
    },
  };
}
