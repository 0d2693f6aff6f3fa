import type { CliContext } from '../context.ts';
import { qrLines } from '../output/qr.ts';
import { describeVerification } from '../people/describe.ts';
import { findContact, nameOf, shellName } from '../people/find-contact.ts';
import { withMessenger } from '../profile/open.ts';

/** `sotto safety-number WHO [--qr]`. */
export async function safetyNumber(
  context: CliContext,
  who: string,
  options: { readonly qr?: boolean },
): Promise<void> {
  await withMessenger(context, async (messenger) => {
    const contact = findContact(await messenger.contacts(), who);
    const { digits, qr } = await messenger.safetyNumber(contact.account);
    const groups = digits.split(' ');
    const rows = [0, 4, 8].map((from) => `  ${groups.slice(from, from + 4).join(' ')}`);
    const name = nameOf(contact);
    const code = options.qr === true && !context.output.json ? ['', ...(await qrLines(qr, context.output.colour))] : [];
    context.output.result({ account: contact.account, digits, qr, verification: contact.verification }, [
      `Safety number with ${name} (${describeVerification(contact)}):`,
      '',
      ...rows,
      ...code,
      '',
      `Compare it with what ${name} sees, in person or on the phone. If it is the same:`,
      `  sotto contact verify ${shellName(contact)}`,
    ]);
  });
}
