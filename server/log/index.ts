/** Lines of the log: their form, their bounds, and what is told of those that were left out. */

export { createLog, type LogSink } from './log.ts';
export { type ProcessLog, processLog } from './log-limit.ts';
export { LineReader, type LogLine, readLogLine } from './relayed-lines.ts';
