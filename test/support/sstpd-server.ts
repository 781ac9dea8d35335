/** The real server, `bin/sstpd.js serve`, in a network namespace, and the commands that are run beside it. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ExecResult, Netns } from './netns.ts';
import { type Exit, type Line, SSTPD, SstpdProcess } from './sstpd-process.ts';

/** The fields of `sstpd sessions --json` that tests look at. */
export interface SessionLine {
  readonly id: string;
  readonly user?: string;
  readonly peer: string;
  readonly stage: string;
  readonly ipv4?: string;
  readonly ipv6?: string;
  readonly method?: string;
  readonly bytesIn: number;
  readonly bytesOut: number;
}

export interface ServeOptions {
  readonly netns: Netns;
  /** Need not exist; any user must be able to enter its parent, for the server gives root up. */
  readonly data: string;
  readonly args?: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
  /** What to run as `sstpd`; this clone's unless said. */
  readonly program?: readonly string[];
}

export class SstpdServer {
  readonly process: SstpdProcess;
  readonly netns: Netns;
  readonly data: string;

  private constructor({ netns, data, args = [], env = {}, program = [process.execPath, SSTPD] }: ServeOptions) {
    this.netns = netns;
    this.data = data;
    const command = [...program, 'serve', '--data', data, ...args];
    this.process = new SstpdProcess(netns, command, { SSTPD_LOG_FORMAT: 'json', ...env });
  }

  /** Starts it and waits until it serves. @throws {Error} with its output if it does not */
  static async start(options: ServeOptions): Promise<SstpdServer> {
    const server = new SstpdServer(options);
    await server.logged('server.started');
    // What the operator reads comes behind that line, and the tests look at it.
    await server.process.printed(/^More users: /);
    return server;
  }

  get caFile(): string {
    return join(this.data, 'ca.pem');
  }

  /** How far the log has come: what `logged` can start behind. */
  get mark(): number {
    return this.process.mark;
  }

  /** The first line of the log with this event and these fields. */
  logged(event: string, fields: Line = {}, from = 0): Promise<Line> {
    return this.process.line({ msg: event, ...fields }, from);
  }

  /** All such lines so far. */
  log(event: string, fields: Line = {}): Line[] {
    return this.process.lines({ msg: event, ...fields });
  }

  /** Runs `sstpd WORDS --data …` beside it. */
  run(words: readonly string[], input = ''): Promise<ExecResult> {
    return runSstpd(this.netns, this.data, words, input);
  }

  /** The same for a command that must succeed. @returns standard output */
  async must(words: readonly string[], input = ''): Promise<string> {
    const { code, stdout, stderr } = await this.run(words, input);
    if (code !== 0) throw new Error(`sstpd ${words.join(' ')}: status ${code}: ${stderr}${stdout}`);
    return stdout;
  }

  async addUser(name: string, password: string, ...more: string[]): Promise<void> {
    await this.must(['user', 'add', name, '--weak', '--password-stdin', ...more], password);
  }

  async sessions(): Promise<SessionLine[]> {
    return JSON.parse(await this.must(['sessions', '--json'])) as SessionLine[];
  }

  /** A line of /proc/PID/status, without its name. */
  status(name: string, pid: number = this.process.pid): string {
    const text = readFileSync(`/proc/${pid}/status`, 'utf8');
    return new RegExp(`^${name}:[ \\t]*(.*)$`, 'm').exec(text)?.[1] ?? '';
  }

  /** The process and its workers. */
  get pids(): number[] {
    const children = readFileSync(`/proc/${this.process.pid}/task/${this.process.pid}/children`, 'utf8');
    return [this.process.pid, ...children.split(' ').filter(Boolean).map(Number)];
  }

  stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<Exit & { readonly ms: number }> {
    return this.process.stop(signal);
  }
}

/** Runs an `sstpd` command on a data directory, with or without a server there. */
export function runSstpd(netns: Netns, data: string, words: readonly string[], input = ''): Promise<ExecResult> {
  return netns.exec(process.execPath, [SSTPD, ...words, '--data', data], { input });
}
