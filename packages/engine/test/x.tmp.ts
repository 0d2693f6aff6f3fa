import { largeGroup } from './large-group.ts';
const { costs } = await largeGroup(Number(process.argv[2]), Number(process.argv[3]));
console.table(Object.fromEntries(costs));
