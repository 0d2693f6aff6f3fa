import { history } from '../groups/history.ts';
import { messages } from '../groups/messages.ts';
import type { SuiteOptions } from '../main.ts';
import { attachments } from './attachments.ts';

/** Groups, attachments, and conversations that last. */
export async function groups(options: SuiteOptions): Promise<void> {
  await messages(options);
  await attachments(options);
  await history(options);
}
