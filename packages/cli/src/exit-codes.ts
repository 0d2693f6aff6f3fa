/**
 * Exit codes of `sotto`, and the `code` that `--json` shows for each. Scripts may rely on them: a number never changes
 * its meaning.
 */
export const exitCodes = {
  ok: { exit: 0, meaning: 'It worked.' },
  failed: { exit: 1, meaning: 'Something unexpected went wrong; this is a fault of the program or of the machine.' },
  usage: { exit: 2, meaning: 'The command was not understood, or an argument breaks its rules.' },
  no_profile: {
    exit: 3,
    meaning: 'There is no account in this profile yet (or there is one already): see "sotto init".',
  },
  locked: { exit: 4, meaning: 'The passphrase is missing or wrong, or the key file cannot be used.' },
  in_use: { exit: 5, meaning: 'Another process has this profile open.' },
  not_found: { exit: 6, meaning: 'No such contact, request, conversation or message.' },
  unreachable: { exit: 7, meaning: 'The gateway could not be reached.' },
  refused: { exit: 8, meaning: 'The gateway said no, or the state of the contact does not allow it.' },
  untrusted: { exit: 9, meaning: 'What was received does not prove what it should. Nothing was kept.' },
  waiting: {
    exit: 10,
    meaning: 'Stored and kept for sending, but what was waited for did not come true in the time given.',
  },
  damaged: { exit: 11, meaning: 'The vault does not verify: it was changed, damaged or put back from a copy.' },
  unhealthy: { exit: 12, meaning: '"sotto doctor" found something that needs attention.' },
  interrupted: { exit: 130, meaning: 'Ended by Ctrl-C.' },
} as const satisfies Record<string, { readonly exit: number; readonly meaning: string }>;

/** A closed outcome of a command. */
export type ExitCode = keyof typeof exitCodes;

/** The table as `sotto help exit-codes` prints it. */
export function exitCodeTable(): string {
  const rows = Object.entries(exitCodes).map(
    ([code, { exit, meaning }]) => `${String(exit).padStart(4)}  ${code.padEnd(12)} ${meaning}`,
  );
  return ['Exit codes (and the code that --json shows):', '', ...rows, ''].join('\n');
}
