import { statfs, writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { IncidentKind, Messenger } from '@sotto/client';
import { explainIncident, explainReason } from '@sotto/client';
import type { CliContext } from '../context.ts';
import { describeError } from '../describe-error.ts';
import { CliError } from '../error.ts';
import { exitCodes } from '../exit-codes.ts';
import { cleanName } from '../output/clean.ts';
import { day, duration } from '../output/time.ts';
import { existingKeystore, withMessenger } from '../profile/open.ts';
import { pause } from '../flush.ts';
import { syncOnce } from '../sync.ts';

type Verdict = 'ok' | 'attention' | 'problem';

/** Below this much free space, bytes, writing will soon fail. */
const LOW_DISK = 200 * 1024 * 1024;
/** Clocks further apart than this make expiries and logins fail, ms. */
const SKEW_ATTENTION = 60_000;
const SKEW_PROBLEM = 10 * 60_000;
const LOW_PREKEYS = 20;
/** What happened longer ago than this, ms, is told but needs no attention. */
const RECENT_MS = 7 * 86_400_000;

/** What a person can do about what happened. */
const adviceOn: Record<IncidentKind, string> = {
  'gateway-forgot-device': 'Ask its operator; what was in its mailboxes is sent again by those who sent it.',
  'gateway-set-back': 'Ask its operator; what came after the copy is sent again by those who sent it.',
  'registration-refused': 'Ask the operator of the gateway to let the account in again.',
  'name-lost': 'Claim another name: "sotto profile account-name NAME".',
  'account-forked': 'Compare safety numbers with your contacts, and look at the list of your devices.',
  'rollback-detected': 'If you did not restore a copy yourself, revoke this device from another one.',
};

/**
 * `sotto doctor --bundle FILE`: what support needs, in one file without anything that people wrote, are called or can be
 * found by; it can be laid beside the other side's. Gives the exit code.
 */
export async function writeBundle(context: CliContext, file: string): Promise<number> {
  const path = resolve(file);
  return await withMessenger(context, async (messenger) => {
    await syncOnce(messenger, context);
    const bundle = await messenger.diagnostics();
    try {
      await writeFile(path, `${JSON.stringify(bundle, null, 2)}\n`, { mode: 0o600, flag: 'wx' });
    } catch (cause) {
      throw new CliError('usage', `${cleanName(file)} cannot be written.`, 'Name a file that is not there yet.', {
        cause,
      });
    }
    context.output.result(
      { bundle: path },
      `Written: ${cleanName(path)}. It holds no text, name, id or address; look at it before you hand it on.`,
    );
    return exitCodes.ok.exit;
  });
}

/** `sotto doctor`: looks at everything a profile needs, says what is wrong and what to do. Gives the exit code. */
export async function doctor(context: CliContext): Promise<number> {
  const examination = new Examination(context);
  await examination.runtime();
  const messenger = await examination.vault();
  if (messenger !== null) {
    try {
      await examination.account(messenger);
    } finally {
      await messenger.close();
    }
  }
  return examination.finish();
}

class Examination {
  readonly #context: CliContext;
  #worst: Verdict = 'ok';

  constructor(context: CliContext) {
    this.#context = context;
  }

  async runtime(): Promise<void> {
    this.#say('runtime', 'ok', `Node ${process.versions.node} on ${process.platform} ${process.arch}.`);
    try {
      const { bavail, bsize } = await statfs(this.#context.home.profile(this.#context.profile));
      const free = bavail * bsize;
      const text = `${(free / 2 ** 30).toFixed(1)} GiB free where the profile is kept.`;
      if (free < LOW_DISK) this.#say('disk', 'attention', text, 'Free some space: without it nothing can be stored.');
      else this.#say('disk', 'ok', text);
    } catch {
      // No folder yet: the vault's check says so.
    }
  }

  async vault(): Promise<Messenger | null> {
    const path = this.#context.home.profile(this.#context.profile);
    try {
      const keystore = await existingKeystore(this.#context);
      const [{ openVault }, { nativeProvider }, { Messenger }] = await Promise.all([
        import('@sotto/vault'),
        import('@sotto/crypto'),
        import('@sotto/client'),
      ]);
      const vault = await openVault({ path, keystore, provider: nativeProvider(), clock: this.#context.clock }).finally(
        () => keystore.dispose?.(),
      );
      try {
        vault.verify();
      } catch (error) {
        vault.close();
        throw error;
      }
      this.#say('vault', 'ok', `Every row verifies (${path}).`);
      return await Messenger.open({ vault, signal: this.#context.signal });
    } catch (error) {
      const { message, advice } = describeError(error);
      this.#say('vault', 'problem', message, advice ?? undefined);
      return null;
    }
  }

  async account(messenger: Messenger): Promise<void> {
    const reached = await this.#gateway(messenger);
    if (reached && (await syncOnce(messenger, this.#context)).kind === 'synced') await pause(this.#context, 200);
    const status = await messenger.status();
    if (reached && messenger.connection !== 'online') {
      this.#say(
        'login',
        'problem',
        'The gateway answers, but this device is not logged in.',
        'Was the device revoked?',
      );
    }
    if (!status.registered) {
      this.#say(
        'account',
        'problem',
        'The account was never registered.',
        'Run "sotto init" again: it goes on where it stopped.',
      );
    }
    const { prekeys, prekeysRotatedAt } = status;
    if (prekeys === null)
      this.#say('prekeys', reached ? 'attention' : 'ok', 'The stock at the gateway is not known yet.');
    else {
      const low = prekeys.oneTime < LOW_PREKEYS || prekeys.oneTimeKem < LOW_PREKEYS;
      const rotated = prekeysRotatedAt === null ? '' : ` Rotated ${day(prekeysRotatedAt)}.`;
      this.#say(
        'prekeys',
        low ? 'attention' : 'ok',
        `${prekeys.oneTime} and ${prekeys.oneTimeKem} one-time keys at the gateway.${rotated}`,
        low ? 'They are refilled by themselves while a program with this profile runs.' : undefined,
      );
    }
    if (status.outbox.size === 0) this.#say('outbox', 'ok', 'Nothing waits to be sent or confirmed.');
    for (const [reason, count] of status.outbox) {
      this.#say('outbox', 'ok', `${count} not confirmed yet: ${explainReason(reason)}`);
    }
    for (const [reason, count] of status.parked) {
      this.#say('inbox', 'attention', `${count} could not be opened: ${explainReason(reason)}`);
    }
    if (status.forkedContacts > 0) {
      this.#say(
        'identity',
        'problem',
        `Of ${status.forkedContacts} contacts, different people are shown different devices.`,
        'Compare safety numbers with them before you write anything that matters.',
      );
    }
    for (const { kind, at, count } of status.incidents) {
      const recent = this.#context.clock.now() - at < RECENT_MS;
      const times = count > 1 ? `, ${count} times by now` : '';
      this.#say('history', recent ? 'attention' : 'ok', `${day(at)}${times}: ${explainIncident(kind)}`, adviceOn[kind]);
    }
    const { contacts, requests, sessions } = status;
    this.#say('contacts', 'ok', `${contacts} known, ${requests} waiting for your answer, ${sessions} sessions.`);
  }

  async #gateway(messenger: Messenger): Promise<boolean> {
    const { gateway } = await messenger.self();
    const { connectGateway } = await import('@sotto/gateway-api');
    const { clock } = this.#context;
    const connection = connectGateway({ address: gateway, clock });
    try {
      const started = clock.now();
      const info = await connection.info({ deadlineMs: 5000 });
      const took = clock.now() - started;
      this.#say('gateway', 'ok', `${gateway} answers (version ${info.version}, ${took} ms).`);
      const skew = info.now - (started + took / 2);
      const size = Math.abs(skew);
      const verdict = size > SKEW_PROBLEM ? 'problem' : size > SKEW_ATTENTION ? 'attention' : 'ok';
      this.#say(
        'clock',
        verdict,
        verdict === 'ok'
          ? `This machine and the gateway agree within ${size < 1000 ? 'a second' : duration(size)}.`
          : `This machine's clock is ${duration(size)} ${skew > 0 ? 'behind' : 'ahead of'} the gateway's.`,
        verdict === 'ok' ? undefined : 'Set the clock (switch on network time); logins and expiries depend on it.',
      );
      return true;
    } catch (error) {
      const { code, message, advice } = describeError(error);
      const what = code === 'unreachable' ? 'Is it running ("sotto serve"), and is this machine online?' : advice;
      this.#say('gateway', 'problem', `${message} (${gateway})`, what ?? undefined);
      return false;
    } finally {
      await connection.close();
    }
  }

  finish(): number {
    return this.#worst === 'ok' ? exitCodes.ok.exit : exitCodes.unhealthy.exit;
  }

  #say(check: string, verdict: Verdict, finding: string, advice?: string): void {
    if (verdict === 'problem' || (verdict === 'attention' && this.#worst === 'ok')) this.#worst = verdict;
    const mark = { ok: '✓', attention: '!', problem: '✗' }[verdict];
    const lines = [`${mark} ${check.padEnd(9)} ${finding}`];
    if (advice !== undefined) lines.push(`${' '.repeat(12)}${advice}`);
    this.#context.output.result({ check, verdict, finding, ...(advice === undefined ? {} : { advice }) }, lines);
  }
}
