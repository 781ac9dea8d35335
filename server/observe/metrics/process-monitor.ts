import { openSync, readSync } from 'node:fs';
import { getHeapStatistics } from 'node:v8';
import type { ProcessLog } from '../../log/index.ts';
import { LOOP_BOUNDS, loopClass, makeReport, type Report } from './report.ts';

/** Ten looks a second: a p99 of five minutes is then that of 3,000. */
const SAMPLE_MS = 100;

/** What the log of the process has not written. */
export type LostLines = Pick<ProcessLog, 'suppressed' | 'dropped'>;

/** Watches one process: how late its event loop is, and what it uses. */
export class ProcessMonitor {
  readonly #lines: LostLines;
  readonly #timer: NodeJS.Timeout;
  /** Open from the start: a worker in its cage opens no file later on, so process.memoryUsage() is not for it. */
  readonly #status = openSync('/proc/self/status', 'r');
  readonly #text = Buffer.alloc(8_192);
  readonly #classes = LOOP_BOUNDS.map(() => 0);
  #samples = 0;
  #seconds = 0;
  #due: number;

  constructor(lines: LostLines) {
    this.#lines = lines;
    this.#due = performance.now() + SAMPLE_MS;
    this.#timer = setInterval(() => this.#sample(), SAMPLE_MS);
    this.#timer.unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  report(): Report {
    const { user, system } = process.cpuUsage();
    const { used_heap_size: heapUsed, external_memory: external } = getHeapStatistics();
    return makeReport({
      counts: {
        cpuUserSeconds: user / 1e6,
        cpuSystemSeconds: system / 1e6,
        logLinesSuppressed: this.#lines.suppressed(),
        logLinesDropped: this.#lines.dropped(),
        loopSamples: this.#samples,
        loopSeconds: this.#seconds,
        ...Object.fromEntries(LOOP_BOUNDS.map((bound, i) => [loopClass(bound), this.#classes[i] ?? 0])),
      },
      levels: { residentBytes: this.#residentBytes(), heapBytes: heapUsed, externalBytes: external },
    });
  }

  /** proc_pid_status(5): VmRSS, in units of 1,024 bytes. */
  #residentBytes(): number {
    const length = readSync(this.#status, this.#text, 0, this.#text.length, 0);
    return Number(/^VmRSS:\s*(\d+) kB$/m.exec(this.#text.toString('latin1', 0, length))?.[1] ?? 0) * 1_024;
  }

  #sample(): void {
    const now = performance.now();
    const late = Math.max(0, now - this.#due) / 1_000;
    this.#due = now + SAMPLE_MS;
    this.#samples += 1;
    this.#seconds += late;
    const index = LOOP_BOUNDS.findIndex((bound) => late <= bound);
    if (index !== -1) this.#classes[index] = (this.#classes[index] ?? 0) + 1;
  }
}
