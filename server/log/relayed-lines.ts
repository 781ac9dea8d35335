/** Lines that another process of ours writes for the log, taken from a pipe: it holds nothing that others write to. */
import { StringDecoder } from 'node:string_decoder';
import { LineSplitter } from '../../core/index.ts';

/** Of a line, in UTF-16 units; what is longer is cut. */
const MOST_LINE = 65_536;
/** What is more is read in the next second, and the writer has to wait. */
const MOST_PER_SECOND = 4 * 1024 * 1024;

export interface LineSource {
  on(event: 'data', listener: (chunk: Buffer) => void): unknown;
  on(event: 'error', listener: () => void): unknown;
  pause(): unknown;
  resume(): unknown;
}

/** Calls back for each line, without its end; of the last one also if it has none, once `finish` is called. */
export class LineReader {
  readonly #source: LineSource;
  readonly #lines: LineSplitter;
  readonly #decoder = new StringDecoder('utf8');
  #second = 0;
  #bytes = 0;
  #isFinished = false;

  constructor(source: LineSource, line: (text: string) => void) {
    this.#source = source;
    this.#lines = new LineSplitter(MOST_LINE, line);
    source.on('data', (chunk) => this.#onChunk(chunk));
    source.on('error', () => {}); // the writer has ended
  }

  finish(): void {
    this.#isFinished = true;
    this.#lines.finish();
  }

  #onChunk(chunk: Buffer): void {
    this.#lines.push(this.#decoder.write(chunk));
    this.#count(chunk.length);
  }

  #count(bytes: number): void {
    const now = performance.now();
    if (now - this.#second >= 1_000) {
      this.#second = now;
      this.#bytes = 0;
    }
    this.#bytes += bytes;
    if (this.#bytes < MOST_PER_SECOND || this.#isFinished) return;
    this.#source.pause();
    setTimeout(() => this.#source.resume(), this.#second + 1_000 - now);
  }
}

/** One line of a log as `createLog` writes it. */
export interface LogLine {
  readonly level: string;
  readonly time: string;
  readonly msg: string;
  readonly [field: string]: unknown;
}

const LEVELS: readonly unknown[] = ['debug', 'info', 'warn', 'error'];
const EVENT = /^[a-z0-9]+(?:[.-][a-z0-9]+)*$/;
const MOST_EVENT = 64;
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

/** @returns undefined if it is none */
export function readLogLine(text: string): LogLine | undefined {
  try {
    const line: unknown = JSON.parse(text);
    if (typeof line !== 'object' || line === null || Array.isArray(line)) return undefined;
    const { level, time, msg } = line as Readonly<Record<string, unknown>>;
    const isEvent = typeof msg === 'string' && msg.length <= MOST_EVENT && EVENT.test(msg);
    const isTime = typeof time === 'string' && TIME.test(time);
    return LEVELS.includes(level) && isEvent && isTime ? (line as LogLine) : undefined;
  } catch {
    return undefined;
  }
}
