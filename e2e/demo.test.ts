import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { judge } from '../tools/demo/judge.ts';
import { tellStory } from '../tools/demo/story.ts';
import type { Outcome } from '../tools/demo/story.ts';

const folder = mkdtempSync(join(tmpdir(), 'sotto-demo-test-'));
after(() => rmSync(folder, { recursive: true, force: true }));

describe('npm run demo', () => {
  let outcome: Outcome | undefined;

  test('R-PAIR-5 R-GW-2 R-STO-2 two people never online together, with crashes: nothing lost, doubled or readable', async () => {
    const steps: string[] = [];
    outcome = await tellStory({ folder, say: (who, what) => void steps.push(`${who} ${what}`) });
    const { faults, lines } = judge(outcome);
    assert.deepEqual(faults, [], [...steps, ...lines].join('\n'));
    assert.ok(outcome.confirmed.alice.length >= 18);
  });

  // The demo must be able to fail: each fault it looks for, put in on purpose.
  test('R-PAIR-5 a lost, a doubled and a readable message are each told', () => {
    assert.ok(outcome !== undefined);
    const [first = ''] = outcome.confirmed.alice;
    const { fromAlice, fromBob } = outcome.arrived;
    const without = { ...outcome, arrived: { fromAlice: fromAlice.filter((text) => text !== first), fromBob } };
    assert.match(judge(without).faults.join('\n'), /^lost: /);
    const twice = { ...outcome, arrived: { fromAlice: [...fromAlice, first], fromBob } };
    assert.match(judge(twice).faults.join('\n'), /^doubled: /);
    for (const encoding of ['utf8', 'utf16le', 'hex', 'base64'] as const) {
      const bytes = Buffer.from(
        Buffer.from(first, 'utf8').toString(encoding === 'utf16le' ? 'utf8' : encoding),
        encoding === 'utf16le' ? 'utf16le' : 'utf8',
      );
      const places = [
        ...outcome.places,
        { kind: 'files', name: 'gateway.db', bytes: Buffer.concat([Buffer.alloc(7, 1), bytes]) },
      ];
      assert.match(judge({ ...outcome, places }).faults.join('\n'), /readable in files/, encoding);
    }
    const blind = { ...outcome, places: outcome.places.filter(({ kind }) => kind !== 'logs') };
    assert.match(judge(blind).faults.join('\n'), /the search is blind/);
  });
});
