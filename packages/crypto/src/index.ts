export * from './error.ts';
export * from './provider.ts';
export { bytesOf, Secret } from './secret.ts';
