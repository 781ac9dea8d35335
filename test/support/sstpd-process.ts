/** A running `sstpd` command in a network namespace, and the JSON lines that it prints. */
import type { ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { within } from './eventually.ts';
import type { Netns } from './netns.ts';
import { Output } from './output.ts';

export const SSTPD: string = join(import.meta.dirname, '../../bin/sstpd.js');

/** Longer than anything a test waits for takes on a busy machine. */
const LIMIT_MS = 60_000;

export type Line = Readonly<Record<string, unknown>>;

/** How a process ended. */
export interface Exit {
  /** Null if a signal ended it. */
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
}

export class SstpdProcess {
  readonly child: ChildProcess;
  readonly exited: Promise<Exit>;
  readonly #output = new Output();

  /** @param command program and arguments */
  constructor(netns: Netns, command: readonly string[], env: NodeJS.ProcessEnv = {}) {
    const [program = '', ...args] = command;
    this.child = netns.spawn(program, args, { env: { ...process.env, ...env } });
    this.#output.collect(this.child);
    this.exited = new Promise((resolve) => {
      this.child.once('close', (status, signal) => resolve({ status, signal }));
    });
  }

  get pid(): number {
    return this.child.pid ?? 0;
  }

  /** All that it printed so far, standard output and standard error. */
  get text(): string {
    return this.#output.text;
  }

  /** How many lines it has printed: what `line` can start behind. */
  get mark(): number {
    return this.#output.length;
  }

  /** The first JSON line with these fields; a RegExp is matched. @throws {Error} with all output if none comes */
  line(fields: Line, from = 0): Promise<Line> {
    const what = JSON.stringify(fields, (_, value: unknown) => (value instanceof RegExp ? String(value) : value));
    const match = (text: string): Line | undefined => {
      const entry = parse(text);
      return entry !== undefined && fits(entry, fields) ? entry : undefined;
    };
    return this.#output.find(match, { what, timeoutMs: LIMIT_MS, from });
  }

  /** All JSON lines so far that have these fields. */
  lines(fields: Line): Line[] {
    return this.text
      .split('\n')
      .map(parse)
      .filter((entry) => entry !== undefined)
      .filter((entry) => fits(entry, fields));
  }

  /** The first line of any kind that matches. */
  printed(pattern: RegExp): Promise<RegExpExecArray> {
    return this.#output.find((text) => pattern.exec(text) ?? undefined, {
      what: String(pattern),
      timeoutMs: LIMIT_MS,
    });
  }

  /** Waits for its end. @throws {Error} with all output if it does not come */
  end(limitMs: number = LIMIT_MS): Promise<Exit> {
    return within(this.exited, limitMs, () => `the end of the process\n${this.text}`);
  }

  /** Sends a signal and waits for the end. @returns with how long it took */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<Exit & { readonly ms: number }> {
    const startedAt = performance.now();
    this.child.kill(signal);
    return { ...(await this.end()), ms: performance.now() - startedAt };
  }
}

function parse(text: string): Line | undefined {
  if (!text.startsWith('{')) return undefined;
  try {
    return JSON.parse(text) as Line;
  } catch {
    return undefined; // not everything that is printed is JSON
  }
}

function fits(entry: Line, fields: Line): boolean {
  return Object.entries(fields).every(([name, wanted]) =>
    wanted instanceof RegExp ? entry[name] !== undefined && wanted.test(String(entry[name])) : entry[name] === wanted,
  );
}
