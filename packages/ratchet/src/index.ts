export { RatchetError } from './error.ts';
export type { RatchetErrorCode } from './error.ts';

export { NoiseCipher } from './noise/cipher.ts';
export { readNoise, splitNoise, writeNoise } from './noise/handshake.ts';
export type { NoiseComplete, NoiseHandshake, NoiseReading, NoiseRole, NoiseWriting } from './noise/handshake.ts';
export { initiateNoise, respondNoise } from './noise/sotto.ts';
export type { NoiseInitiation, NoiseResponse } from './noise/sotto.ts';
