/** One run of a lab: a guest that boots, connects, does what it is told and powers off. */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Output } from '../support/output.ts';

/** The `key=value` pairs of one LAB line. */
export type LabLine = Readonly<Record<string, string>>;

export interface LabEnd {
  /** Exit status of the lab: 0 well, 1 did not come up, 2 the lab failed, 3 the guest command failed, 4 dropped or not down. */
  readonly status: number | null;
  /** What the lab and the guest command printed. */
  readonly output: string;
  /** The logs of the guest. */
  readonly log: string;
}

export class LabRun {
  readonly #child: ChildProcess;
  readonly #output = new Output();
  readonly #ended: Promise<LabEnd>;

  /**
   * @param lab its file, in this folder
   * @param args but for `--log`
   */
  constructor(lab: 'sstpc-lab' | 'nm-lab', args: readonly string[], logFile: string) {
    const program = fileURLToPath(new URL(`./${lab}`, import.meta.url));
    // setpriv: a test process that dies takes the lab with it, which then cleans up.
    this.#child = spawn('setpriv', ['--pdeathsig', 'TERM', program, '--log', logFile, ...args], { stdio: 'pipe' });
    this.#output.collect(this.#child);
    this.#ended = new Promise((resolve, reject) => {
      this.#child.once('error', reject);
      this.#child.once('close', (status) => {
        // A lab that refuses its arguments has no log.
        const log = existsSync(logFile) ? readFileSync(logFile, 'utf8') : '';
        resolve({ status, output: this.#output.text, log });
      });
    });
    this.#ended.catch(() => {}); // whoever awaits `ended` sees it; nobody need to
  }

  /**
   * The first LAB line that begins with `start`, for example `result=up`, as soon as it is printed.
   * @throws {Error} with all output if the lab ends without one, or after `timeoutMs`
   */
  async line(start: string, timeoutMs = 60_000): Promise<LabLine> {
    const found = await this.#output.find((line) => (line.startsWith(`LAB ${start}`) ? line : undefined), {
      what: `a line LAB ${start}`,
      timeoutMs,
    });
    return parseLine(found);
  }

  ended(): Promise<LabEnd> {
    return this.#ended;
  }

  /** Ends a run that a failed test left behind; no effect on one that has ended. */
  stop(): Promise<LabEnd> {
    this.#child.kill('SIGTERM');
    return this.#ended;
  }
}

function parseLine(line: string): LabLine {
  const pairs = line.matchAll(/(\w+)=("[^"]*"|\S*)/g);
  return Object.fromEntries([...pairs].map(([, key = '', value = '']) => [key, value.replaceAll('"', '')]));
}
