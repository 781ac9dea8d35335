import pino from 'pino';
import pretty from 'pino-pretty';
import { type Log, type LogFields, placeFields, USUAL_DATA } from '../../core/index.ts';
import type { Config } from '../config/index.ts';
import { BoundedLines, type BoundedTarget } from './bounded-lines.ts';
import type { LogLine } from './relayed-lines.ts';

/** Where lines go: a stream such as `process.stdout`, written to within the log call so that a crash loses none. */
export interface LogSink extends BoundedTarget {
  readonly isTTY?: boolean | undefined;
}

/**
 * A log on pino: the event as `msg`, the fields behind it.
 * JSON: one object per line, `{"level":"info","time":"<ISO>","msg":"connection.up","user":"ann"}`.
 * Lines that the reader of a pipe does not take are kept for a while, then dropped: `log.lines-dropped` says how many.
 *
 * @param data the data directory, for the commands that warnings and errors name
 */
export function createLog(options: Config['log'], sink: LogSink, data: string = USUAL_DATA): StreamLog {
  const isPretty = options.format === 'pretty' || (options.format === 'auto' && sink.isTTY === true);
  const settings: pino.LoggerOptions = {
    level: options.level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
    serializers: { error: pino.stdSerializers.err },
  };
  const format = isPretty ? prettyFormat(sink) : (line: string): string => line;
  const lines = new BoundedLines(sink, (dropped) => logger.error({ ...dropped }, 'log.lines-dropped'));
  const write = (line: string): void => lines.write(withoutHidden(format(line)));
  const logger = pino(settings, { write });
  return new StreamLog(logger, lines, data, write);
}

/** pino-pretty called in-process: a worker thread could hold lines back when the process dies. */
function prettyFormat(sink: LogSink): (line: string) => string {
  const format = pretty.prettyFactory({
    colorize: sink.isTTY === true,
    singleLine: true,
    translateTime: 'SYS:HH:MM:ss.l',
  });
  return (line) => {
    const formatted: unknown = format(line);
    return typeof formatted === 'string' ? formatted : line;
  };
}

/**
 * Escapes as JSON does what JSON lets through and does not show as itself; a user name is the peer's to choose.
 * DEL and C1 some terminals obey, U+2028 and U+2029 end a line for some readers, and format characters (Cf) reorder
 * the text around them (bidi) or make two names look alike (zero width).
 */
function withoutHidden(text: string): string {
  return text.replace(/[\u007f-\u009f\u2028\u2029\p{Cf}]/gu, (character) =>
    character
      .split('') // code units: JSON writes what lies beyond U+FFFF as two
      .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
      .join(''),
  );
}

class PinoLog implements Log {
  readonly #pino: pino.Logger;
  readonly #data: string;

  constructor(logger: pino.Logger, data: string) {
    this.#pino = logger;
    this.#data = data;
  }

  debug(event: string, fields: LogFields = {}): void {
    this.#pino.debug(fields, event);
  }

  info(event: string, fields: LogFields = {}): void {
    this.#pino.info(fields, event);
  }

  warn(event: string, fields: LogFields = {}): void {
    this.#pino.warn(placeFields(fields, this.#data), event);
  }

  error(event: string, fields: LogFields = {}): void {
    this.#pino.error(placeFields(fields, this.#data), event);
  }

  child(fields: LogFields): Log {
    return new PinoLog(this.#pino.child(fields), this.#data);
  }
}

/** The log of a stream. */
export class StreamLog extends PinoLog {
  readonly #lines: BoundedLines;
  readonly #write: (line: string) => void;

  constructor(logger: pino.Logger, lines: BoundedLines, data: string, write: (line: string) => void) {
    super(logger, data);
    this.#lines = lines;
    this.#write = write;
  }

  /** Writes a line that another process of ours has made, with its own time. */
  relay(line: LogLine): void {
    this.#write(`${JSON.stringify(line)}\n`);
  }

  /** Lines that the reader of the stream has lost since the start. */
  get dropped(): number {
    return this.#lines.dropped;
  }
}
