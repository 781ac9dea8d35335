import pino from 'pino';
import pretty from 'pino-pretty';
import type { Log, LogFields } from '../core/index.ts';
import type { Config } from './config.ts';

/** Where lines go: a stream such as `process.stdout`, written to within the log call so that a crash loses none. */
export interface LogSink {
  write(text: string): unknown;
  readonly isTTY?: boolean | undefined;
}

/**
 * A log on pino: the event as `msg`, the fields behind it.
 * JSON: one object per line, `{"level":"info","time":"<ISO>","msg":"connection.up","user":"ann"}`.
 */
export function createLog(options: Config['log'], sink: LogSink): Log {
  const isPretty = options.format === 'pretty' || (options.format === 'auto' && sink.isTTY === true);
  const settings: pino.LoggerOptions = {
    level: options.level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
    serializers: { error: pino.stdSerializers.err },
  };
  const format = isPretty ? prettyFormat(sink) : (line: string): string => line;
  return new PinoLog(pino(settings, { write: (line: string) => void sink.write(withoutC1(format(line))) }));
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

/** JSON escapes C0 controls, but not DEL and C1, which some terminals obey; a user name is the peer's to choose. */
function withoutC1(text: string): string {
  return text.replace(/[\u007f-\u009f]/g, (c) => `\\u00${c.charCodeAt(0).toString(16)}`);
}

class PinoLog implements Log {
  readonly #pino: pino.Logger;

  constructor(logger: pino.Logger) {
    this.#pino = logger;
  }

  debug(event: string, fields: LogFields = {}): void {
    this.#pino.debug(fields, event);
  }

  info(event: string, fields: LogFields = {}): void {
    this.#pino.info(fields, event);
  }

  warn(event: string, fields: LogFields = {}): void {
    this.#pino.warn(fields, event);
  }

  error(event: string, fields: LogFields = {}): void {
    this.#pino.error(fields, event);
  }

  child(fields: LogFields): Log {
    return new PinoLog(this.#pino.child(fields));
  }
}
