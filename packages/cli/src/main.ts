/** The `sotto` program. */
import { machineClock } from './clock.ts';
import { runSotto } from './program.ts';

// `sotto history bob | head`: whoever reads has enough, and that is no error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
  throw error;
});
process.exitCode = await runSotto(process.argv.slice(2), {
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
  env: process.env,
  clock: machineClock,
});
