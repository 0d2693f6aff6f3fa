/** Short records all look alike. */
const MINIMUM = 64;

/**
 * Length to which a record is padded: Padmé (Nikitin et al., "Reducing Metadata Leakage from Encrypted Files and
 * Communication with PURBs", PETS 2019 §4), at most 12 % more, O(log log n) bits of the length left to see.
 */
export function paddedLength(length: number): number {
  if (length <= MINIMUM) return MINIMUM;
  const exponent = Math.floor(Math.log2(length));
  const kept = Math.floor(Math.log2(exponent)) + 1;
  const step = 2 ** (exponent - kept);
  return Math.ceil(length / step) * step;
}
