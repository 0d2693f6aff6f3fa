import { history } from '../groups/history.ts';
import type { SuiteOptions } from '../main.ts';

/** Groups and conversations that last. */
export async function groups(options: SuiteOptions): Promise<void> {
  await history(options);
}
