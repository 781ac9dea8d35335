/**
 * Network namespaces for end-to-end tests: each is a machine of its own with its own interfaces, routes, sysctls under
 * net.* and firewall. Needs root and iproute2; ask `netnsMissing()` first and skip with its answer.
 */
// Needs: root, ip, sysctl
import { type ChildProcess, execFile, execFileSync, type SpawnOptions, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';

export interface ExecResult {
  readonly stdout: string;
  readonly stderr: string;
  /** Exit status; 128 plus the signal's number if SIGTERM or SIGKILL ended it; 1 if the namespace has no such command. */
  readonly code: number;
}

export interface ExecOptions {
  /** Written to the command's standard input. */
  readonly input?: string;
  /** Killed after so long, in milliseconds; 30,000 unless said. */
  readonly timeoutMs?: number;
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd?: string;
}

/** Why namespaces can't be used here, or undefined if they can: the text for `test(..., { skip })`. */
export function netnsMissing(): string | undefined {
  if (process.geteuid?.() !== 0) return 'needs root: network namespaces can only be made by root';
  try {
    execFileSync('ip', ['netns', 'list'], { stdio: 'pipe' });
  } catch {
    return 'needs the ip command: apt install iproute2';
  }
  return undefined;
}

/** The same with the TUN device; for tests that make one. */
export function tunMissing(): string | undefined {
  return netnsMissing() ?? (existsSync('/dev/net/tun') ? undefined : 'needs /dev/net/tun');
}

// A server that a test starts from this clone is not the machine's: it makes no command for it in /usr/local/bin.
process.env.SSTPD_RUN_LINK = 'false';

/** Namespaces that exist: removed when the process ends, also when a test throws before its own clean-up. */
const alive = new Set<Netns>();
let made = 0;
let links = 0;

export class Netns {
  /** As in `ip netns exec NAME`; unique on this machine. */
  readonly name: string;
  readonly #children = new Set<ChildProcess>();

  private constructor(name: string) {
    this.name = name;
  }

  /** Makes a namespace whose name starts with `prefix`; its loopback interface is up. */
  static async create(prefix: string): Promise<Netns> {
    if (alive.size === 0) process.once('exit', destroyAll);
    made += 1;
    const netns = new Netns(`${prefix}-${process.pid}-${made}`);
    await must('ip', ['netns', 'add', netns.name]);
    alive.add(netns);
    await netns.run('ip', ['link', 'set', 'lo', 'up']);
    // Without duplicate address detection link-local addresses are usable as soon as a device is up.
    const settings = ['all', 'default'].map((name) => `net.ipv6.conf.${name}.accept_dad=0`);
    // A new namespace has this machine's IPv4 settings, and a machine that ran a server forwards.
    await netns.exec('sysctl', ['-q', '-w', 'net.ipv4.ip_forward=0', ...settings]);
    return netns;
  }

  /** Runs a command in the namespace to its end. Never rejects: look at `code`. */
  exec(command: string, args: readonly string[], options: ExecOptions = {}): Promise<ExecResult> {
    return execute('ip', ['netns', 'exec', this.name, command, ...args], options);
  }

  /** Like `exec`, for commands that must succeed. @returns standard output. @throws {Error} with the command's stderr */
  run(command: string, args: readonly string[], options: ExecOptions = {}): Promise<string> {
    return must('ip', ['netns', 'exec', this.name, command, ...args], options);
  }

  /** Starts a command in the namespace; the pid is the command's own. Ended by `destroy` at the latest. */
  spawn(command: string, args: readonly string[], options: SpawnOptions = {}): ChildProcess {
    const child = spawn('ip', ['netns', 'exec', this.name, command, ...args], { stdio: 'pipe', ...options });
    this.#children.add(child);
    child.once('exit', () => this.#children.delete(child));
    return child;
  }

  /** Ends what `spawn` started and whatever else still runs inside, then removes the namespace. May be called twice. */
  async destroy(): Promise<void> {
    if (!alive.delete(this)) return;
    await Promise.all([...this.#children].map(ended));
    const { stdout } = await execute('ip', ['netns', 'pids', this.name], {});
    for (const pid of stdout.split('\n').filter(Boolean)) kill(Number(pid));
    await execute('ip', ['netns', 'delete', this.name], {});
    if (alive.size === 0) process.removeListener('exit', destroyAll);
  }

  /** The same without waiting, for the end of the process. */
  destroyNow(): void {
    for (const child of this.#children) child.kill('SIGKILL');
    try {
      execFileSync('ip', ['netns', 'delete', this.name], { stdio: 'ignore' });
    } catch {
      // the process is ending; nobody is left to tell
    }
  }
}

export interface ConnectOptions {
  /** ADDRESS/LENGTH for the end in `a`, for example `192.0.2.1/24`; several for IPv4 and IPv6. */
  readonly addressA: string | readonly string[];
  readonly addressB: string | readonly string[];
  /** Interface names; unique ones are made unless said. At most 15 characters. */
  readonly ifA?: string;
  readonly ifB?: string;
  /** 1500 unless said. */
  readonly mtu?: number;
  /** `a` sends everything it has no other route for to this address, and likewise `b`. */
  readonly gatewayA?: string;
  readonly gatewayB?: string;
}

/** Lays a veth pair between two namespaces; both ends are up and have their addresses (without IPv6 DAD). */
export async function connect(a: Netns, b: Netns, options: ConnectOptions): Promise<{ ifA: string; ifB: string }> {
  links += 1;
  const ifA = options.ifA ?? `va${links}`;
  const ifB = options.ifB ?? `vb${links}`;
  const mtu = ['mtu', String(options.mtu ?? 1500)];
  await must('ip', [
    ...['link', 'add', 'name', ifA, ...mtu, 'netns', a.name, 'type', 'veth'],
    ...['peer', 'name', ifB, ...mtu, 'netns', b.name],
  ]);
  await configure(a, ifA, options.addressA, options.gatewayA);
  await configure(b, ifB, options.addressB, options.gatewayB);
  return { ifA, ifB };
}

async function configure(netns: Netns, device: string, addresses: string | readonly string[], gateway?: string) {
  await netns.run('ip', ['link', 'set', device, 'up']);
  for (const address of [addresses].flat()) {
    await netns.run('ip', ['address', 'add', address, 'dev', device, ...(address.includes(':') ? ['nodad'] : [])]);
  }
  if (gateway !== undefined) await netns.run('ip', ['route', 'add', 'default', 'via', gateway]);
}

function destroyAll(): void {
  for (const netns of alive) netns.destroyNow();
}

async function must(command: string, args: readonly string[], options: ExecOptions = {}): Promise<string> {
  const { stdout, stderr, code } = await execute(command, args, options);
  if (code !== 0) throw new Error(`${command} ${args.join(' ')}: status ${code}: ${stderr.trim()}`);
  return stdout;
}

/** Runs a command to its end, outside of any namespace. Never rejects: look at `code`. */
export function execute(command: string, args: readonly string[], options: ExecOptions): Promise<ExecResult> {
  const { input, timeoutMs = 30_000, env = process.env, cwd } = options;
  return new Promise((resolve) => {
    const settings = { timeout: timeoutMs, maxBuffer: 64 << 20, env, ...(cwd === undefined ? {} : { cwd }) };
    const child = execFile(command, [...args], settings, (error, stdout, stderr) => {
      resolve({ stdout, stderr, code: statusOf(error) });
    });
    child.stdin?.on('error', () => {}); // a command that ends without reading its input is no failure of ours
    child.stdin?.end(input);
  });
}

function statusOf(error: (Error & { code?: unknown; signal?: unknown }) | null): number {
  if (error === null) return 0;
  if (typeof error.code === 'number') return error.code;
  return error.signal === 'SIGKILL' ? 137 : error.signal === 'SIGTERM' ? 143 : 127;
}

/** Kills a child and waits until it is gone. */
function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  return new Promise((resolve) => {
    child.once('exit', () => resolve());
    child.kill('SIGKILL');
  });
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // it ended by itself in the meantime
  }
}
