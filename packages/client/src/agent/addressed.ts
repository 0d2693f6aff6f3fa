import type { Message, MessageBody } from '../conversations/types.ts';

type TextBody = Extract<MessageBody, { kind: 'text' }>;

/** What is said to an agent of this name in a group; null: it is not meant. */
export function saidTo(
  message: Pick<Message, 'mentioned'>,
  body: TextBody,
  facts: { readonly name: string; readonly repliesToOwn: boolean },
): string | null {
  const text = body.text.trim();
  const called = withoutName(text, facts.name);
  if (called !== null) return called;
  return message.mentioned || facts.repliesToOwn || text.startsWith('/') ? text : null;
}

/** `echo, hello`, `@echo: hello` and the like without the name; null: it does not begin with it. */
function withoutName(text: string, name: string): string | null {
  const start = text.startsWith('@') ? 1 : 0;
  const begins = text.slice(start, start + name.length);
  if (name === '' || begins.toLowerCase() !== name.toLowerCase()) return null;
  const rest = text.slice(start + name.length);
  // `echoes` is another word.
  if (/^[\p{L}\p{N}]/u.test(rest)) return null;
  return rest.replace(/^[\s,:;.!?–-]+/u, '');
}
