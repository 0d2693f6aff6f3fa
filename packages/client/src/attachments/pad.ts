/** Below this all files look alike. */
const LEAST_BYTES = 4096;

/**
 * The length to which a file is padded before it is sealed, so that its gateway learns a bucket and not a size: Padmé
 * (Nikitin et al., "Reducing Metadata Leakage from Encrypted Files and Communication with PURBs", PETS 2019, §4). At
 * most 12% are added, less for large files; the length leaks O(log log) bits.
 */
export function paddedSize(bytes: number): number {
  const length = Math.max(bytes, LEAST_BYTES);
  const exponent = Math.floor(Math.log2(length));
  const kept = Math.floor(Math.log2(exponent)) + 1;
  const unit = 2 ** (exponent - kept);
  return Math.ceil(length / unit) * unit;
}
