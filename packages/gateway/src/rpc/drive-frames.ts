import { constants } from 'node:http2';
import type { ServerHttp2Stream } from 'node:http2';
import { fromBinary } from '@bufbuild/protobuf';
import type { DescMessage, MessageShape } from '@bufbuild/protobuf';
import { errorToJson } from '@connectrpc/connect/protocol-connect';
import { SLOW_CONSUMER_MS } from '../limits.ts';
import type { Memory } from '../memory.ts';
import { malformed, Refused } from '../refused.ts';
import type { DriveOptions } from './drive-connect.ts';
import { toConnectError } from './errors.ts';
import { FrameParser } from './frame-parser.ts';
import type { StreamCore } from './stream-core.ts';

/** The one encoding that is served here. */
export const FRAMES_CONTENT_TYPE = 'application/connect+proto';

const PREFIX_BYTES = 5;
const FLAG_END = 0x02;

export interface FramesOptions<Request extends DescMessage, Frame> extends DriveOptions {
  readonly request: Request;
  /** The frame as protobuf, behind `reserve` bytes. */
  readonly encode: (frame: Frame, reserve: number) => Buffer;
  /** Largest incoming frame, bytes. */
  readonly readMaxBytes: number;
  readonly memory: Memory;
}

/**
 * Runs a stream over the frames of Connect's binary protocol (https://connectrpc.com/docs/protocol): what Connect's own
 * handler would do, without a dozen promises a frame.
 */
export function driveFrames<Request extends DescMessage, Frame>(
  core: StreamCore<MessageShape<Request>, Frame>,
  stream: ServerHttp2Stream,
  options: FramesOptions<Request, Frame>,
): void {
  new FrameDriver(core, stream, options).start();
}

class FrameDriver<Request extends DescMessage, Frame> {
  readonly #core: StreamCore<MessageShape<Request>, Frame>;
  readonly #stream: ServerHttp2Stream;
  readonly #options: FramesOptions<Request, Frame>;
  readonly #parser: FrameParser;
  readonly #forget: () => void;
  #pump: 'idle' | 'scheduled' | 'running' | 'again' = 'idle';
  #failure: { readonly error: unknown } | undefined;
  #inputOver = false;
  #writingSince: number | undefined;
  #over = false;
  #held = 0;

  constructor(
    core: StreamCore<MessageShape<Request>, Frame>,
    stream: ServerHttp2Stream,
    options: FramesOptions<Request, Frame>,
  ) {
    this.#core = core;
    this.#stream = stream;
    this.#options = options;
    this.#parser = new FrameParser(options.readMaxBytes);
    this.#forget = options.streams.add({
      check: (now) => this.#check(now),
      shed: () => this.#shed(),
      end: (refusal) => core.end(refusal),
    });
  }

  start(): void {
    const stream = this.#stream;
    this.#core.attach({ output: () => this.#schedule(), room: () => this.#resume() });
    stream.on('data', (chunk: Buffer) => this.#read(chunk));
    stream.on('end', () => this.#inputEnded());
    stream.on('drain', () => this.#drained());
    stream.on('close', () => this.#close());
    // Reported by `close`; without a listener it would end the process.
    stream.on('error', () => undefined);
    stream.respond({ ':status': 200, 'content-type': FRAMES_CONTENT_TYPE }, { waitForTrailers: false });
    this.#schedule();
  }

  #read(chunk: Buffer): void {
    if (this.#inputOver) return;
    this.#parser.push(chunk);
    try {
      for (let frame = this.#parser.take(); frame !== null; frame = this.#parser.take()) {
        if (frame.flags !== 0) throw malformed('a frame with flags: nothing is compressed here');
        this.#core.receive(fromBinary(this.#options.request, frame.body));
      }
      this.#hold(this.#parser.pending);
    } catch (error) {
      this.#failInput(error);
    }
    if (this.#core.saturated) this.#stream.pause();
    this.#schedule();
  }

  /** What was sent before the fault is still answered; then the stream ends with the fault. */
  #failInput(error: unknown): void {
    this.#failure = { error: error instanceof Refused ? error : malformed('a frame does not parse', error) };
    this.#inputOver = true;
    this.#hold(0);
    this.#stream.resume();
    this.#core.ended();
  }

  #inputEnded(): void {
    if (this.#inputOver) return;
    this.#inputOver = true;
    if (this.#parser.pending > 0) this.#failure = { error: malformed('the stream ended within a frame') };
    this.#core.ended();
    this.#schedule();
  }

  /** Counts the bytes of an unfinished frame against what all of them together may hold. */
  #hold(bytes: number): void {
    this.#options.memory.unfinished(bytes - this.#held);
    this.#held = bytes;
  }

  #resume(): void {
    if (this.#stream.isPaused() && !this.#core.saturated) this.#stream.resume();
  }

  /** In a microtask, so that everything a commit decided is in one frame. */
  #schedule(): void {
    if (this.#pump === 'running') this.#pump = 'again';
    if (this.#pump !== 'idle' || this.#over) return;
    this.#pump = 'scheduled';
    queueMicrotask(() => void this.#run());
  }

  async #run(): Promise<void> {
    this.#pump = 'running';
    try {
      while (!this.#over && this.#writingSince === undefined) {
        const asked = this.#core.next();
        const step = asked instanceof Promise ? await asked : asked;
        if (this.#over) return;
        if (step.kind === 'frame') {
          this.#write(0, this.#options.encode(step.frame, PREFIX_BYTES));
        } else if (step.kind === 'done') {
          this.#finish(this.#failure?.error);
        } else if (this.#isAsked()) {
          this.#pump = 'running';
        } else {
          break;
        }
      }
    } catch (error) {
      this.#finish(error);
    }
    this.#pump = 'idle';
  }

  /** Something came up while `next` was thinking. */
  #isAsked(): boolean {
    return this.#pump === 'again';
  }

  /** Fills in the bytes that were reserved in front. */
  #write(flags: number, frame: Buffer): void {
    frame[0] = flags;
    frame.writeUInt32BE(frame.length - PREFIX_BYTES, 1);
    if (!this.#stream.write(frame)) this.#writingSince = this.#options.clock.now();
  }

  #drained(): void {
    this.#writingSince = undefined;
    this.#schedule();
  }

  #finish(error: unknown): void {
    if (this.#over) return;
    const end = error === undefined ? {} : { error: errorToJson(toConnectError(error), undefined) };
    this.#write(FLAG_END, Buffer.concat([Buffer.alloc(PREFIX_BYTES), Buffer.from(JSON.stringify(end), 'utf8')]));
    this.#close();
    this.#stream.end();
    // A client that keeps sending is not waited for.
    if (!this.#inputOver) this.#stream.close(constants.NGHTTP2_NO_ERROR);
  }

  /** An unfinished frame or an unread answer is all that a stuck peer can make us hold. */
  #shed(): void {
    if (this.#writingSince !== undefined || this.#held > 0) this.#options.reset();
  }

  #check(now: number): void {
    if (this.#writingSince !== undefined && now - this.#writingSince > SLOW_CONSUMER_MS) this.#options.reset();
    else this.#core.check(now);
  }

  #close(): void {
    if (this.#over) return;
    this.#over = true;
    this.#hold(0);
    this.#forget();
    this.#core.close();
  }
}
