// Starts a TypeScript program of this repository: node --conditions=@sotto/source tools/run.mjs FILE ARGS…
// Plain JavaScript on purpose: an old Node must be able to read this far and say what is missing.
import module from 'node:module';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

const needed = 26;
const major = Number(process.versions.node.split('.')[0]);
if (major < needed) {
  console.error(
    `Sotto runs on Node ${needed}, and this is Node ${process.versions.node}. "npm ci" brings the right one by itself, ` +
      'unless optional packages are switched off (--omit=optional, or no prebuilt Node for this platform): ' +
      `install with optional packages, or install Node ${needed}, and run the command through npm again.`,
  );
  process.exit(1);
}
module.enableCompileCache();
const [, , file, ...rest] = process.argv;
const program = resolve(file);
process.argv = [process.argv[0], program, ...rest];
await import(pathToFileURL(program).href);
