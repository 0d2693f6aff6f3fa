/** Measures one implementation at one size: `child.ts IMPLEMENTATION MEMBERS`, a row a line. */
import { IMPLEMENTATIONS, measure } from './measure.ts';

const [impl = '', members] = process.argv.slice(2);
const implementation = await IMPLEMENTATIONS[impl]?.(impl);
if (implementation === undefined) throw new Error('no such implementation');
for (const row of await measure(implementation, Number(members))) console.log(JSON.stringify(row));
