import { it } from 'node:test';
import { largeGroup } from './large-group.ts';

for (const suite of [1, 0xf002]) {
  it(`a group of 1000 devices, suite ${suite}: rounds, records and bytes of each call`, async () => {
    const { costs } = await largeGroup(1000, suite);
    console.table(Object.fromEntries(costs));
  });
}
