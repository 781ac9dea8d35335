/** The real server, `bin/sstpd.js serve`, in a network namespace, and its command line. */
import type { ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ExecResult, Netns } from '../support/netns.ts';
import { Output } from '../support/output.ts';

const SSTPD = fileURLToPath(new URL('../../bin/sstpd.js', import.meta.url));

/** The fields of `sstpd sessions --json` that the tests look at. */
export interface SessionLine {
  readonly id: string;
  readonly user?: string;
  readonly ipv4?: string;
  readonly method?: string;
  readonly bytesIn: number;
  readonly bytesOut: number;
}

export type LogLine = Readonly<Record<string, unknown>>;

export class SstpdServer {
  readonly #netns: Netns;
  readonly #dataDirectory: string;
  readonly #output = new Output();
  #child: ChildProcess | undefined;
  /** Log lines before this one have been seen by `logged`. */
  #seen = 0;

  /** @param dataDirectory need not exist; its parent must be one that any user may enter, for the server drops root */
  constructor(netns: Netns, dataDirectory: string) {
    this.#netns = netns;
    this.#dataDirectory = dataDirectory;
  }

  get caFile(): string {
    return join(this.#dataDirectory, 'ca.pem');
  }

  /** All that the server printed. */
  get output(): string {
    return this.#output.text;
  }

  /** Starts the server and waits until it serves, also its commands. @throws {Error} with its output if it does not in 30 s */
  async serve(port: number, args: readonly string[]): Promise<void> {
    const from = this.#output.length;
    const child = this.#netns.spawn(process.execPath, [
      ...[SSTPD, 'serve', '--data', this.#dataDirectory, '--listen', String(port)],
      ...args,
    ]);
    this.#child = child;
    this.#output.collect(child);
    const isStarted = (text: string): true | undefined => parseLog(text)?.msg === 'server.started' || undefined;
    await this.#output.find(isStarted, { what: 'server.started', timeoutMs: 30_000, from });
  }

  /** Runs one `sstpd` command on the server's data. */
  command(args: readonly string[], input = ''): Promise<ExecResult> {
    return this.#netns.exec(process.execPath, [SSTPD, ...args, '--data', this.#dataDirectory], { input });
  }

  /** @throws {Error} if the command fails */
  async addUser(name: string, password: string): Promise<void> {
    const { code, stderr } = await this.command(['user', 'add', name, '--weak', '--password-stdin'], `${password}\n`);
    if (code !== 0) throw new Error(`sstpd user add: status ${code}: ${stderr}`);
  }

  /** @throws {Error} if the command fails */
  async sessions(): Promise<SessionLine[]> {
    const { code, stdout, stderr } = await this.command(['sessions', '--json']);
    if (code !== 0) throw new Error(`sstpd sessions: status ${code}: ${stderr}`);
    return JSON.parse(stdout) as SessionLine[];
  }

  /** The next line of the server's log with this event and these fields, behind those that `logged` already returned. */
  logged(event: string, fields: LogLine = {}): Promise<LogLine> {
    let line = this.#seen;
    const match = (text: string): LogLine | undefined => {
      line += 1;
      const entry = parseLog(text);
      if (entry?.msg !== event) return undefined;
      if (Object.entries(fields).some(([key, value]) => entry[key] !== value)) return undefined;
      this.#seen = line;
      return entry;
    };
    return this.#output.find(match, {
      what: `${event} ${JSON.stringify(fields)}`,
      timeoutMs: 15_000,
      from: this.#seen,
    });
  }

  /** Sends SIGTERM and waits for the end. @returns exit status, null if a signal ended it, and how long it took */
  async terminate(): Promise<{ readonly status: number | null; readonly tookMs: number }> {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null) throw new Error(`the server is not running:\n${this.output}`);
    const start = Date.now();
    const ended = new Promise<number | null>((resolve) => {
      child.once('close', resolve);
    });
    child.kill('SIGTERM');
    return { status: await ended, tookMs: Date.now() - start };
  }
}

function parseLog(text: string): LogLine | undefined {
  if (!text.startsWith('{')) return undefined;
  try {
    return JSON.parse(text) as LogLine;
  } catch {
    return undefined; // the server prints more than its log: next steps for the operator
  }
}
