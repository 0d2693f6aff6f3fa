import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { callerOf } from '../src/peer-address.ts';
import { RateLimiter } from '../src/rate-limiter.ts';
import { ManualClock } from './support/clock.ts';

test('R-GW-5 a rate allows its burst, then one each interval, for each caller apart', () => {
  const clock = new ManualClock();
  const limiter = new RateLimiter(clock, { burst: 3, perMs: 1000 });
  assert.deepEqual(
    [1, 2, 3].map(() => limiter.take('a')),
    [0, 0, 0],
  );
  assert.equal(limiter.take('a'), 1000);
  assert.equal(limiter.take('b'), 0);
  clock.advance(999);
  assert.equal(limiter.take('a'), 1);
  clock.advance(1);
  assert.equal(limiter.take('a'), 0);
  assert.equal(limiter.take('a'), 1000);
  clock.advance(3_600_000);
  assert.deepEqual(
    [1, 2, 3, 4].map(() => limiter.take('a') > 0),
    [false, false, false, true],
  );
});

test('a rate never lets more through than burst plus elapsed time allow', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 5 }),
      fc.integer({ min: 1, max: 50 }),
      fc.array(fc.integer({ min: 0, max: 100 }), { maxLength: 60 }),
      (burst, perMs, pauses) => {
        const clock = new ManualClock();
        const limiter = new RateLimiter(clock, { burst, perMs });
        let through = 0;
        let elapsed = 0;
        for (const pause of pauses) {
          clock.advance(pause);
          elapsed += pause;
          const wait = limiter.take('x');
          if (wait === 0) through++;
          else assert.ok(wait <= burst * perMs);
          assert.ok(through <= burst + elapsed / perMs);
        }
      },
    ),
  );
});

test('callers are counted by IPv4 address and by IPv6 network', () => {
  assert.equal(callerOf('192.0.2.7'), '192.0.2.7');
  assert.equal(callerOf('::ffff:192.0.2.7'), '192.0.2.7');
  assert.equal(callerOf('2001:db8:1:2:3:4:5:6'), '2001:db8:1:2');
  assert.equal(callerOf('2001:db8:1:2::6'), '2001:db8:1:2');
  assert.equal(callerOf('2001:db8::6'), '2001:db8:0:0');
  assert.equal(callerOf('fe80::1%eth0'), 'fe80:0:0:0');
  assert.equal(callerOf('::1'), '0:0:0:0');
  assert.equal(callerOf(undefined), '');
});
