import { RatchetError } from '../error.ts';

/** What a message does next, Noise §7.1. `psk` is §9. */
export type NoiseToken = 'e' | 's' | 'ee' | 'es' | 'se' | 'ss' | 'psk';

/** Noise §7: who knows which static key beforehand, and the tokens of each message, the initiator writing first. */
export interface NoisePattern {
  readonly name: string;
  readonly preMessage: { readonly initiator: boolean; readonly responder: boolean };
  readonly messages: readonly (readonly NoiseToken[])[];
  readonly psks: number;
}

/**
 * Noise rev 34 §7.4 (one-way), §7.5 (interactive) and §18.1 (deferred). Before the bar: static keys known
 * beforehand, `i` the initiator's, `r` the responder's; after it the messages.
 */
const notation: Readonly<Record<string, string>> = {
  N: 'r | e es',
  K: 'ir | e es ss',
  X: 'r | e es s ss',

  NN: ' | e, e ee',
  NK: 'r | e es, e ee',
  NX: ' | e, e ee s es',
  XN: ' | e, e ee, s se',
  XK: 'r | e es, e ee, s se',
  XX: ' | e, e ee s es, s se',
  KN: 'i | e, e ee se',
  KK: 'ir | e es ss, e ee se',
  KX: 'i | e, e ee se s es',
  IN: ' | e s, e ee se',
  IK: 'r | e es s ss, e ee se',
  IX: ' | e s, e ee se s es',

  NK1: 'r | e, e ee es',
  NX1: ' | e, e ee s, es',
  X1N: ' | e, e ee, s, se',
  X1K: 'r | e es, e ee, s, se',
  XK1: 'r | e, e ee es, s se',
  X1K1: 'r | e, e ee es, s, se',
  X1X: ' | e, e ee s es, s, se',
  XX1: ' | e, e ee s, es s se',
  X1X1: ' | e, e ee s, es s, se',
  K1N: 'i | e, e ee, se',
  K1K: 'ir | e es, e ee, se',
  KK1: 'ir | e, e ee se es',
  K1K1: 'ir | e, e ee es, se',
  K1X: 'i | e, e ee s es, se',
  KX1: 'i | e, e ee se s, es',
  K1X1: 'i | e, e ee s, se es',
  I1N: ' | e s, e ee, se',
  I1K: 'r | e es s, e ee, se',
  IK1: 'r | e s, e ee se es',
  I1K1: 'r | e s, e ee es, se',
  I1X: ' | e s, e ee s es, se',
  IX1: ' | e s, e ee se s, es',
  I1X1: ' | e s, e ee s, se es',
};

/**
 * A pattern by its name, modifiers included: `IK`, `XXpsk3`, `NNpsk0+psk2` (Noise §8.1, §9.4).
 * Throws `RatchetError` `unsupported` for names it does not know.
 */
export function noisePattern(name: string): NoisePattern {
  const [, base = '', modifiers = ''] = /^([A-Z0-9]+)((?:psk\d(?:\+psk\d)*)?)$/.exec(name) ?? [];
  const text = Object.hasOwn(notation, base) ? notation[base] : undefined;
  if (text === undefined) throw new RatchetError('unsupported', 'unknown Noise pattern');
  const [known = '', messageText = ''] = text.split('|');
  const messages = messageText.split(',').map((message) => message.trim().split(' ') as NoiseToken[]);
  const psks = modifiers === '' ? [] : modifiers.split('+').map((modifier) => Number(modifier.slice('psk'.length)));
  for (const position of psks) {
    const message = messages[Math.max(position - 1, 0)];
    if (message === undefined) throw new RatchetError('unsupported', 'psk modifier beyond the last message');
    if (position === 0) message.unshift('psk');
    else message.push('psk');
  }
  return {
    name,
    preMessage: { initiator: known.includes('i'), responder: known.includes('r') },
    messages,
    psks: psks.length,
  };
}
