import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';

/** Linux counts processor time in ticks of 10 ms (USER_HZ). */
const TICKS_PER_SECOND = 100;

/** User and system time of a process and of its ended children, in seconds. */
export function cpuSeconds(pid: number): number {
  // The second field is the command in parentheses and may hold spaces; the rest are numbers. proc(5).
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /s, '')
    .split(' ');
  const ticks = [11, 12, 13, 14].map((i) => Number(fields[i])).reduce((sum, value) => sum + value, 0);
  return ticks / TICKS_PER_SECOND;
}

/** Resident memory of a process in KiB. */
export function residentKib(pid: number): number {
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);
}

/** A child process that is talked to in lines. */
export class LineProcess {
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;
  readonly #stderr: string[] = [];

  /** @param cpu the only core that it may use */
  constructor(command: readonly string[], options: { readonly cpu?: number; readonly env?: NodeJS.ProcessEnv } = {}) {
    const pinned = options.cpu === undefined ? command : ['taskset', '-c', String(options.cpu), ...command];
    const [program = '', ...words] = pinned;
    this.#child = spawn(program, words, { stdio: ['pipe', 'pipe', 'pipe'], env: { ...process.env, ...options.env } });
    this.#child.stderr?.on('data', (chunk: Buffer) => this.#stderr.push(chunk.toString()));
    if (this.#child.stdout === null) throw new TypeError('the child has no standard output');
    this.#lines = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]();
  }

  /** `ip netns exec` and `taskset` replace themselves, so this is the program's own. */
  get pid(): number {
    return this.#child.pid ?? 0;
  }

  tell(line: string): void {
    this.#child.stdin?.write(`${line}\n`);
  }

  /** The next line that fits. @throws {Error} if the process ends before */
  async hear(fits: (line: string) => boolean = () => true): Promise<string> {
    for (;;) {
      const next = await this.#lines.next();
      if (next.done === true) throw new Error(`ended early: ${this.#stderr.join('').trim()}`);
      if (fits(next.value)) return next.value;
    }
  }

  async end(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = new Promise((resolve) => this.#child.once('exit', resolve));
    this.#child.stdout?.resume();
    this.#child.kill('SIGTERM');
    await ended;
  }
}
