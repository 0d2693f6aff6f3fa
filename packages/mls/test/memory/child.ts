import { createInterface } from 'node:readline';
import { setTimeout } from 'node:timers/promises';
import { Scene } from './scene.ts';

/** Says `in use`, goes on when it is told to, and says `after` when what is garbage was collected. */
const scene = new Scene(process.argv[2] ?? '');
console.log('in use');
for await (const line of createInterface({ input: process.stdin })) {
  void line;
  scene.end();
  for (let i = 0; i < 4; i++) {
    globalThis.gc?.();
    await setTimeout(10);
  }
  console.log('after');
}
