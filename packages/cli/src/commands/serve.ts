import { resolve } from 'node:path';
import type { CliContext } from '../context.ts';
import { exitCodes } from '../exit-codes.ts';
import { noteRunningGateway } from '../profile/running-gateway.ts';

export interface ServeOptions {
  readonly folder?: string;
  readonly listen?: string;
  readonly address?: string;
  readonly registration?: string;
  readonly log?: string;
}

/** The options and the environment variables they stand for. */
const settings = {
  folder: 'SOTTO_GATEWAY_DATA',
  listen: 'SOTTO_GATEWAY_LISTEN',
  address: 'SOTTO_GATEWAY_ADDRESS',
  registration: 'SOTTO_GATEWAY_REGISTRATION',
  log: 'SOTTO_GATEWAY_LOG',
} as const satisfies Record<keyof ServeOptions, string>;

/** `sotto serve`: runs a gateway until Ctrl-C or SIGTERM. Options win over the environment. */
export async function serve(context: CliContext, options: ServeOptions): Promise<number> {
  const env: Record<string, string | undefined> = { ...context.env };
  for (const [name, variable] of Object.entries(settings)) {
    const value = options[name as keyof ServeOptions];
    if (value !== undefined) env[variable] = value;
  }
  env[settings.folder] = resolve(env[settings.folder] ?? context.home.gateway);
  const { parseGatewayConfig, startGateway } = await import('@sotto/gateway');
  const { config, secrets } = parseGatewayConfig(env);
  // Results go to stdout, the log to stderr: one JSON object a line each.
  const gateway = await startGateway(config, secrets, {
    logTo: { write: (line: string) => void context.stderr.write(line) },
  });
  const { address, url, caFile, dataFolder } = gateway;
  const forget = noteRunningGateway(context.home, { address, url, caFile, pid: process.pid });
  try {
    context.output.result({ event: 'ready', address, url, caFile, dataFolder, pid: process.pid }, [
      'The gateway is running. Its address, for "sotto init --gateway …":',
      '',
      `  ${address}`,
      '',
      `  data    ${dataFolder}`,
      `  curl    curl --cacert ${caFile} ${url}/readyz`,
      '',
      'Ctrl-C stops it. What it keeps is sealed: it can queue and count messages, and read none of them.',
    ]);
    // Parents that started this process with a channel to it may not get around to stopping it.
    process.on('disconnect', () => process.kill(process.pid, 'SIGTERM'));
    process.channel?.unref();
    if (process.send !== undefined) process.send({ event: 'ready', address });
    await new Promise<void>((done) => {
      context.signal.addEventListener('abort', () => done(), { once: true });
      if (context.signal.aborted) done();
    });
    context.output.note('Stopping…');
  } finally {
    forget();
    await gateway.close();
  }
  return exitCodes.ok.exit;
}
