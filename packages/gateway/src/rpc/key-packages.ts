import { MAX_KEY_PACKAGE_BYTES, Refusal } from '@sotto/wire';
import type { KeyPackageEntry, UploadKeyPackagesRequest } from '@sotto/wire';
import { MAX_KEY_PACKAGES } from '../limits.ts';
import type { KeyPackageRecord, KeyPackageUpload } from '../ports/key-packages.ts';
import { malformed, Refused } from '../refused.ts';
import { readNumber } from './requests.ts';

/**
 * An upload with the form of its entries checked; what is in them is for those who use them. Throws `Refused`
 * `MALFORMED`, `TOO_LARGE`, `EXPIRED`. `now`: Unix seconds.
 */
export function readKeyPackages(request: UploadKeyPackagesRequest, now: number): KeyPackageUpload {
  const { oneTime, lastResort, replace } = request;
  if (oneTime.length > MAX_KEY_PACKAGES) throw new Refused(Refusal.TOO_LARGE, 'more key packages than are kept');
  const records = oneTime.map((entry) => readEntry(entry, now));
  if (new Set(records.map(({ id }) => id)).size !== records.length) throw malformed('an id twice');
  return {
    oneTime: records,
    lastResort: lastResort === undefined ? null : readEntry(lastResort, now),
    replace,
  };
}

function readEntry({ id, expiresAt, keyPackage }: KeyPackageEntry, now: number): KeyPackageRecord {
  if (id === 0) throw malformed('ids of key packages begin at 1');
  if (keyPackage.length === 0) throw malformed('an empty key package');
  if (keyPackage.length > MAX_KEY_PACKAGE_BYTES) throw new Refused(Refusal.TOO_LARGE, 'a key package is too large');
  const expiry = readNumber(expiresAt);
  if (expiry <= now) throw new Refused(Refusal.EXPIRED, 'a key package has expired');
  return { id, expiresAt: expiry, bytes: keyPackage };
}
