/** One run of `sstpc-lab`: a guest that boots, connects, does what it is told and powers off. */
import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Output } from '../support/output.ts';

const LAB = fileURLToPath(new URL('./sstpc-lab', import.meta.url));

export interface LinuxClientOptions {
  /** Name of the network namespace that the server is in. */
  readonly netns: string;
  /** Where the logs of sstpc and pppd go. */
  readonly logFile: string;
  /** NAME:PORT */
  readonly server: string;
  readonly caFile: string;
  readonly user: string;
  readonly password: string;
  readonly auth: 'mschapv2' | 'chap' | 'pap';
  readonly via?: 'sstpc' | 'pppd' | 'sniff';
  readonly guestCommand?: string;
  /** How long the tunnel is held once the guest command has ended; 0 unless said. */
  readonly holdSeconds?: number;
  readonly hangUp?: 'sstpc' | 'pppd' | 'none';
  readonly pppdOption?: string;
  readonly sstpcOption?: string;
}

/** The `key=value` pairs of one LAB line. */
export type LabLine = Readonly<Record<string, string>>;

export interface LinuxClientEnd {
  /** Exit status of `sstpc-lab`: 0 well, 1 did not come up, 2 the lab failed, 3 the guest command failed, 4 dropped. */
  readonly status: number | null;
  /** What the lab and the guest command printed. */
  readonly output: string;
  /** The logs of sstpc, pppd and the guest. */
  readonly log: string;
}

export class LinuxClient {
  readonly #child: ChildProcess;
  readonly #output = new Output();
  readonly #ended: Promise<LinuxClientEnd>;

  constructor(options: LinuxClientOptions) {
    // setpriv: a test process that dies takes the lab with it, which then cleans up.
    this.#child = spawn('setpriv', ['--pdeathsig', 'TERM', LAB, ...labArguments(options)], { stdio: 'pipe' });
    this.#output.collect(this.#child);
    this.#ended = new Promise((resolve, reject) => {
      this.#child.once('error', reject);
      this.#child.once('close', (status) => {
        resolve({ status, output: this.#output.text, log: readFileSync(options.logFile, 'utf8') });
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

  ended(): Promise<LinuxClientEnd> {
    return this.#ended;
  }

  /** Ends a run that a failed test left behind; no effect on one that has ended. */
  stop(): Promise<LinuxClientEnd> {
    this.#child.kill('SIGTERM');
    return this.#ended;
  }
}

function labArguments(options: LinuxClientOptions): string[] {
  return [
    ...['--netns', options.netns, '--log', options.logFile, '--server', options.server, '--ca', options.caFile],
    ...['--user', options.user, '--password', options.password, '--auth', options.auth],
    ...['--via', options.via ?? 'sstpc', '--hang-up', options.hangUp ?? 'sstpc'],
    ...['--guest-cmd', options.guestCommand ?? '', '--hold', String(options.holdSeconds ?? 0)],
    ...(options.pppdOption === undefined ? [] : ['--pppd-option', options.pppdOption]),
    ...(options.sstpcOption === undefined ? [] : ['--sstpc-option', options.sstpcOption]),
  ];
}

function parseLine(line: string): LabLine {
  const pairs = line.matchAll(/(\w+)=("[^"]*"|\S*)/g);
  return Object.fromEntries([...pairs].map(([, key = '', value = '']) => [key, value.replaceAll('"', '')]));
}
