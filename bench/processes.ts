/** Child processes of the bench: started on a core, talked to in lines, ended for certain; and what processes cost. */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** The server under test has the first core for itself; everything else, the bench included, shares the last. */
export const SERVER_CORE = 0;
export const OTHER_CORE: number = Math.max(0, cpus().length - 1);

/** Linux counts processor time in ticks of 10 ms (USER_HZ). */
const TICKS_PER_SECOND = 100;
/** The parent of the kernel's threads. */
const KTHREADD = 2;
const KILL_AFTER_MS = 5_000;
const HEAR_MS = 120_000;
const RUN_MS = 120_000;
const LINES_KEPT = 2_000;

/** User and system time of a process, of all below it and of their ended children, in seconds. */
export function cpuSeconds(pid: number): number {
  return processTree(pid).reduce((sum, { fields }) => sum + secondsOf(fields), 0);
}

/** With that of its ended children. */
function secondsOf(fields: readonly string[]): number {
  return ownSeconds(fields) + (Number(fields[13]) + Number(fields[14])) / TICKS_PER_SECOND;
}

function ownSeconds(fields: readonly string[]): number {
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}

/** Resident memory of a process and of all below it, in KiB. */
export function residentKib(pid: number): number {
  const own = (one: number): number =>
    Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${one}/status`, 'utf8'))?.[1] ?? 0);
  return processTree(pid).reduce((sum, entry) => sum + own(entry.pid), 0);
}

/**
 * Memory of a process and of all below it, in KiB, with what several share counted once: a server that has a process for each
 * connection shares most. Pss of proc(5).
 */
export function proportionalKib(pid: number): number {
  const own = (one: number): number => {
    try {
      return Number(/^Pss:\s+(\d+) kB/m.exec(readFileSync(`/proc/${one}/smaps_rollup`, 'utf8'))?.[1] ?? 0);
    } catch {
      return 0; // ended since it was listed
    }
  };
  return processTree(pid).reduce((sum, entry) => sum + own(entry.pid), 0);
}

/** Share of all processors that was not idle for so long, 0 to 1; time that the hypervisor took counts. proc(5). */
export async function busyShare(milliseconds: number): Promise<number> {
  const read = (): { total: number; idle: number } => {
    const fields = (readFileSync('/proc/stat', 'utf8').split('\n')[0] ?? '').split(/ +/).slice(1).map(Number);
    return {
      total: fields.slice(0, 8).reduce((sum, value) => sum + value, 0),
      idle: (fields[3] ?? 0) + (fields[4] ?? 0),
    };
  };
  const before = read();
  await sleep(milliseconds);
  const after = read();
  return 1 - (after.idle - before.idle) / Math.max(1, after.total - before.total);
}

/** Time that the hypervisor took of a processor since the start of the machine. proc(5). */
export function stolenSeconds(core: number): number {
  const line = readFileSync('/proc/stat', 'utf8')
    .split('\n')
    .find((each) => each.startsWith(`cpu${core} `));
  return Number(line?.split(' ')[8] ?? 0) / TICKS_PER_SECOND;
}

/**
 * Processor time in seconds that programs have had which do not belong to this bench, by process.
 *
 * @param mayDisturb whether it is one that counts
 */
export function strangers(
  mayDisturb: (pid: number) => boolean,
  all: readonly ProcessEntry[] = allProcesses(),
  bench: number = process.pid,
): ReadonlyMap<number, number> {
  // The kernel's own threads work for whoever keeps it busy, so they are nobody's.
  const ours = new Set([bench, KTHREADD].flatMap((root) => treeIn(all, root)).map(({ pid }) => pid));
  return new Map(
    all.filter(({ pid }) => !ours.has(pid) && mayDisturb(pid)).map(({ pid, fields }) => [pid, ownSeconds(fields)]),
  );
}

/** What they had between two looks; of who has ended by the second nothing is known. */
export function secondsBetween(before: ReadonlyMap<number, number>, after: ReadonlyMap<number, number>): number {
  return [...after].reduce((sum, [pid, seconds]) => sum + seconds - (before.get(pid) ?? 0), 0);
}

/** Whether a process may run on a processor. Cpus_allowed_list of proc(5): numbers and ranges. */
export function mayRunOn(core: number, pid: number): boolean {
  try {
    const [, list = ''] = /^Cpus_allowed_list:\s+(\S+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
    return list.split(',').some((range) => {
      const [first = 0, last = first] = range.split('-').map(Number);
      return core >= first && core <= last;
    });
  } catch {
    return false; // ended since it was listed
  }
}

export interface ProcessEntry {
  readonly pid: number;
  /** Fields of /proc/PID/stat after the command: state, parent, ... */
  readonly fields: readonly string[];
}

/** A server may have workers, and OpenConnect's has one process for each client. */
function processTree(root: number): ProcessEntry[] {
  const tree = treeIn(allProcesses(), root);
  if (tree.length === 0) throw new Error(`process ${root} has ended`);
  return tree;
}

function allProcesses(): ProcessEntry[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => entryOf(Number(name)));
}

/** Nothing if there is no such process. */
function treeIn(all: readonly ProcessEntry[], root: number): ProcessEntry[] {
  const tree = all.filter(({ pid }) => pid === root);
  const byParent = Map.groupBy(all, ({ fields }) => Number(fields[1]));
  for (const parent of tree) tree.push(...(byParent.get(parent.pid) ?? []));
  return tree;
}

function entryOf(pid: number): ProcessEntry[] {
  try {
    // The second field is the command in parentheses and may hold spaces; the rest are numbers. proc(5).
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/^.*\) /s, '');
    return [{ pid, fields: text.split(' ') }];
  } catch {
    return []; // ended since the folder was read
  }
}

export interface StartOptions {
  /** The only core that it may use; OTHER_CORE unless said. */
  readonly core?: number;
  /** Name of the network namespace it runs in. */
  readonly netns?: string;
  readonly env?: NodeJS.ProcessEnv;
  /** Written to its standard input, which is then closed. */
  readonly input?: string;
}

/** A child process that is talked to in lines. What it says on standard error are lines too. */
export class LineProcess {
  readonly #child: ChildProcess;
  readonly #command: string;
  readonly #exited: Promise<number>;
  #lines: string[] = [];
  #wake: () => void = () => {};
  #isOver = false;

  constructor(command: readonly string[], options: StartOptions = {}) {
    const place = options.netns === undefined ? [] : ['ip', 'netns', 'exec', options.netns];
    const words = ['-c', String(options.core ?? OTHER_CORE), ...place, ...command];
    const child = spawn('taskset', words, { stdio: 'pipe', env: { ...process.env, ...options.env } });
    this.#child = child;
    this.#command = command.slice(0, 3).join(' ');
    child.stdin?.on('error', () => {}); // it may end without reading
    if (options.input !== undefined) child.stdin?.end(options.input);
    for (const stream of [child.stdout, child.stderr]) this.#read(stream);
    this.#exited = new Promise((resolve) => {
      child.once('error', () => this.#over(resolve, 127));
      child.once('close', (code, signal) => this.#over(resolve, code ?? (signal === null ? 1 : 128)));
    });
  }

  /** `taskset` and `ip netns exec` replace themselves, so this is the program's own. */
  get pid(): number {
    return this.#child.pid ?? 0;
  }

  tell(line: string): void {
    this.#child.stdin?.write(`${line}\n`);
  }

  /** The next line that fits; those before it are forgotten. @throws {Error} if the process ends or time runs out */
  async hear(fits: (line: string) => boolean = () => true, timeoutMs: number = HEAR_MS): Promise<string> {
    const deadline = Date.now() + timeoutMs;
    const heard: string[] = [];
    for (;;) {
      while (this.#lines.length > 0) {
        const line = this.#lines.shift() ?? '';
        if (fits(line)) return line;
        heard.push(line);
      }
      if (this.#isOver) throw new Error(`${this.#command} ended early: ${heard.slice(-8).join(' | ')}`);
      const left = deadline - Date.now();
      if (left <= 0) throw new Error(`${this.#command} said nothing that fits: ${heard.slice(-8).join(' | ')}`);
      await this.#news(left);
    }
  }

  /** What it said last, for an error message. */
  get lastWords(): string {
    return this.#lines.slice(-8).join(' | ');
  }

  /** Sends SIGSTOP to it and all below it, or SIGCONT. */
  signal(signal: 'SIGSTOP' | 'SIGCONT'): void {
    for (const { pid } of processTree(this.pid)) process.kill(pid, signal);
  }

  /** Ends it: SIGTERM, and SIGKILL if that does not help. */
  async end(): Promise<void> {
    this.#child.kill('SIGTERM');
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), KILL_AFTER_MS);
    await this.#exited;
    clearTimeout(timer);
  }

  #read(stream: NodeJS.ReadableStream | null): void {
    let rest = '';
    stream?.setEncoding('utf8');
    stream?.on('data', (text: string) => {
      const lines = `${rest}${text}`.split('\n');
      rest = lines.pop() ?? '';
      this.#lines = [...this.#lines, ...lines].slice(-LINES_KEPT);
      this.#wake();
    });
    stream?.on('end', () => {
      if (rest !== '') this.#lines.push(rest);
    });
  }

  #news(timeoutMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, timeoutMs);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  #over(resolve: (code: number) => void, code: number): void {
    this.#isOver = true;
    this.#wake();
    resolve(code);
  }
}

/** Runs a command to its end, or for two minutes. @returns its standard output @throws {Error} with what it said */
export async function run(command: readonly string[], options: StartOptions = {}): Promise<string> {
  const place = options.netns === undefined ? [] : ['ip', 'netns', 'exec', options.netns];
  const core = ['-c', String(options.core ?? OTHER_CORE)];
  const child = spawn('taskset', [...core, ...place, ...command], { env: { ...process.env, ...options.env } });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  child.stdin.on('error', () => {});
  child.stdin.end(options.input);
  const timer = setTimeout(() => child.kill('SIGKILL'), RUN_MS);
  const code = await new Promise<number>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (status) => resolve(status ?? 1));
  });
  clearTimeout(timer);
  if (code !== 0) throw new Error(`${command.join(' ')}: status ${code}: ${(stderr || stdout).trim().slice(0, 500)}`);
  return stdout;
}

/** Why a command cannot be run, or undefined. */
export function missingCommand(command: string, debianPackage: string): string | undefined {
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/sbin'];
  const isThere = folders.some((folder) => existsSync(join(folder, command)));
  return isThere ? undefined : `needs the command ${command}: apt install ${debianPackage}`;
}
