import type { Clock } from '../clock.ts';
import { SLOW_CONSUMER_MS } from '../limits.ts';
import { toConnectError } from './errors.ts';
import { Signal } from './signal.ts';
import type { StreamCore } from './stream-core.ts';
import type { StreamMonitor } from './stream-monitor.ts';

export interface DriveOptions {
  readonly streams: StreamMonitor;
  readonly clock: Clock;
  /** Ends the stream at once, without a word. */
  readonly reset: () => void;
}

export interface ConnectOptions<Frame, Response> extends DriveOptions {
  readonly messageOf: (frame: Frame) => Response;
}

/** Runs a stream over Connect's asynchronous iterables: any protocol, any encoding. */
export async function* driveConnect<Request, Frame, Response>(
  core: StreamCore<Request, Frame>,
  requests: AsyncIterable<Request>,
  { streams, clock, reset, messageOf }: ConnectOptions<Frame, Response>,
): AsyncGenerator<Response> {
  const output = new Signal();
  const room = new Signal();
  let writingSince: number | undefined;
  let failure: { readonly error: unknown } | undefined;
  // A saturated core has room again when it is closed: then Connect's iterable ends the loop.
  core.attach({ output: () => output.wake(), room: () => room.wake() });
  const forget = streams.add({
    check: (now) => {
      if (writingSince !== undefined && now - writingSince > SLOW_CONSUMER_MS) reset();
      else core.check(now);
    },
    shed: () => {
      if (writingSince !== undefined) reset();
    },
    end: (refusal) => core.end(refusal),
  });
  const read = async (): Promise<void> => {
    try {
      for await (const request of requests) {
        core.receive(request);
        while (core.saturated) await room.wait();
      }
    } catch (error) {
      failure = { error };
    }
    core.ended();
    output.wake();
  };
  void read();
  try {
    while (true) {
      const step = await core.next();
      if (step.kind === 'frame') {
        writingSince = clock.now();
        yield messageOf(step.frame);
        writingSince = undefined;
      } else if (step.kind === 'wait') {
        await output.wait();
      } else {
        // What was in flight has been answered; now the sender hears what was wrong.
        if (failure !== undefined) throw failure.error;
        return;
      }
    }
  } catch (error) {
    throw toConnectError(error);
  } finally {
    forget();
    core.close();
    room.wake();
  }
}
