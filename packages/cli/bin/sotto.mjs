#!/usr/bin/env node
// Plain JavaScript on purpose: an old Node must be able to read this far and say what is missing.
import { existsSync } from 'node:fs';
import module from 'node:module';

const needed = 26;
if (Number(process.versions.node.split('.')[0]) < needed) {
  console.error(
    `sotto: Sotto runs on Node ${needed}, and this is Node ${process.versions.node}.\n` +
      'In a checkout "npm ci" brings the right one (npm run sotto -- …, npx sotto); elsewhere install Node 26.',
  );
  process.exit(1);
}
module.enableCompileCache?.();
const source = new URL('../src/main.ts', import.meta.url);
// Node strips types nowhere below node_modules: there the built files run. In a checkout the sources do.
if (existsSync(source) && !source.pathname.includes('/node_modules/')) {
  module.registerHooks({
    resolve: (specifier, context, next) =>
      next(specifier, { ...context, conditions: [...context.conditions, '@sotto/source'] }),
  });
  await import(source.href);
} else {
  await import('../dist/main.js');
}
