import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, readFileSync, realpathSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { isCompiled, packageFolder, programFile, SYSTEM_PATH, systemCommand } from '../core/index.ts';
import { CliError, EXIT, printable } from './terminal.ts';

const PROGRAM = join(packageFolder, 'bin/sstpd.js');
const TRAFFIC = programFile('cli/demo-traffic');
/** The network between the two namespaces, from the range for benchmarks (RFC 2544), and the pool of the demo's clients. */
const SERVER = '198.18.0.1';
const CLIENT = '198.18.0.2';
const POOL = '10.86.0.0/24';
const SERVER_INSIDE = '10.86.0.1';
const TRAFFIC_PORT = 5201;
const SECONDS = 3;
const START_MS = 20_000;
/** What a command in a namespace may take beyond the time that it is meant to take. */
const GRACE_SECONDS = 5;
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
/** Node would open it at SIGUSR1, to everybody on this machine. */
const NO_DEBUGGER = '--disable-sigusr1';

/** The client's steps in their order, under the names that people read. */
const STEPS: readonly (readonly [string, string])[] = [
  ['tcp', 'TCP'],
  ['tls', 'TLS'],
  ['http', 'HTTP'],
  ['sstp', 'SSTP'],
  ['lcp', 'LCP'],
  ['authentication', 'authentication'],
  ['binding', 'Crypto Binding'],
  ['ipcp', 'IPCP'],
];

/**
 * Server and client in two namespaces of this machine: connects, pings, moves data each way, cleans up.
 *
 * @returns the exit status
 * @throws {CliError} with one line if a right or a program is missing, or a signal ended it
 */
export async function runDemo({ stdout }: { readonly stdout: { write(text: string): unknown } }): Promise<number> {
  if (process.getuid?.() !== 0) throw new CliError('the demo makes network namespaces and needs root: sudo sstpd demo');
  const interruption = new AbortController();
  const stage = new Stage(interruption.signal);
  const onSignal = (signal: NodeJS.Signals): void => {
    const status = signal === 'SIGINT' ? EXIT.interrupted : EXIT.failed;
    interruption.abort(new CliError('the demo was interrupted', status));
  };
  // A terminal that is gone refuses to be written to, perhaps before SIGHUP tells of it.
  const onFault = (error: unknown): void => interruption.abort(error);
  for (const signal of SIGNALS) process.on(signal, onSignal);
  process.on('uncaughtException', onFault);
  try {
    await play(stage, (line) => {
      if (!interruption.signal.aborted) stdout.write(`${line}\n`);
    });
  } catch (error) {
    if (!interruption.signal.aborted) throw error;
  } finally {
    await stage.close();
    for (const signal of SIGNALS) process.off(signal, onSignal);
    process.off('uncaughtException', onFault);
  }
  interruption.signal.throwIfAborted();
  return EXIT.ok;
}

async function play(stage: Stage, say: (line: string) => void): Promise<void> {
  say('Two network namespaces, one cable: a server and a client that have never met.');
  await stage.open();
  const data = join(stage.folder, 'data');
  const server = stage.sstpd('server', [
    ...['serve', '--data', data, '--host', SERVER, '--listen', `${SERVER}:443`, '--pool', POOL, '--dns', SERVER_INSIDE],
    ...['--host-access', `icmp,tcp/${TRAFFIC_PORT}`], // whom the ping and the load are sent to
  ]);
  await stage.until('server', server, (line) => line.includes('"msg":"server.started"'));
  const [user = '', password = ''] = readFileSync(join(data, 'first-user.txt'), 'utf8').split('\n');
  const passwordFile = join(stage.folder, 'password');
  writeFileSync(passwordFile, password, { mode: 0o600 });
  say(`The server made its own CA, certificate and user '${user}', and listens on ${SERVER}:443.`);

  const client = stage.sstpd('client', [
    ...['connect', SERVER, '--user', user, '--password-file', passwordFile, '--ca', join(data, 'ca.pem'), '--json'],
  ]);
  const up = await stage.until('client', client, (line) => line.includes('"event":"up"') && line.includes('"ipv4"'));
  tellTimeline(JSON.parse(up) as Up, say);
  await tellPing(stage, say);
  const listener = stage.node('server', [TRAFFIC, 'listen', SERVER_INSIDE, String(TRAFFIC_PORT)]);
  await stage.until('listener', listener, (line) => line === 'ready');
  for (const direction of ['download', 'upload'] as const) await tellRate(stage, direction, say);
  say('');
  say(`Now for real:  ${isCompiled ? 'sstpd serve' : 'npm start'}   and follow what it prints.`);
}

interface Up {
  readonly ipv4: string;
  readonly server: string;
  readonly timelineMs: Readonly<Record<string, number>>;
}

function tellTimeline({ ipv4, server, timelineMs }: Up, say: (line: string) => void): void {
  say('');
  say(`Connected: the client is ${ipv4}, the server ${server}. From the start of TCP, in ms:`);
  let before = 0;
  for (const [step, name] of STEPS) {
    const at = timelineMs[step];
    if (at === undefined) continue;
    say(`  ${name.padEnd(16)} ${at.toFixed(1).padStart(7)}   (+${(at - before).toFixed(1)})`);
    before = at;
  }
}

async function tellPing(stage: Stage, say: (line: string) => void): Promise<void> {
  say('');
  try {
    const stdout = await stage.run('client', ['ping', '-c', '5', '-i', '0.2', '-q', SERVER_INSIDE], 1);
    const times = /= ([\d.]+)\/([\d.]+)\/([\d.]+)/.exec(stdout);
    say(`Ping through the tunnel: ${times?.[2]} ms (best ${times?.[1]}, worst ${times?.[3]})`);
  } catch (error) {
    const isMissing = error instanceof Failure && /exec of .*No such file/.test(error.message);
    if (!isMissing) throw new CliError('the ping through the tunnel was not answered');
    say('(no ping on this machine: apt install iputils-ping)');
  }
}

async function tellRate(stage: Stage, direction: 'download' | 'upload', say: (line: string) => void): Promise<void> {
  const words = [
    process.execPath,
    NO_DEBUGGER,
    TRAFFIC,
    direction,
    SERVER_INSIDE,
    String(TRAFFIC_PORT),
    String(SECONDS),
  ];
  const { bytes, ms } = await stage.run('client', words, SECONDS).then(
    (stdout) => JSON.parse(stdout) as { bytes: number; ms: number },
    (error: Error) => {
      throw new CliError(`the ${direction} through the tunnel failed: ${error.message}`);
    },
  );
  if (bytes === 0) throw new CliError(`the ${direction} through the tunnel failed: nothing arrived`);
  const megabits = (bytes * 8) / (ms * 1000);
  say(
    `${direction === 'download' ? 'Download' : 'Upload  '}: ${Math.round(megabits)} Mbit/s, ${Math.round(bytes / 1e6)} MB in ${SECONDS} s over one TCP connection`,
  );
}

/** The namespaces, the processes in them and the files: all of it is gone after `close`. */
class Stage {
  readonly folder: string;
  readonly #names = { server: `sstpd-demo-s-${process.pid}`, client: `sstpd-demo-c-${process.pid}` };
  readonly #children: ChildProcess[] = [];
  readonly #interruption: AbortSignal;

  /** @param interruption ends what runs; nothing is started any more */
  constructor(interruption: AbortSignal) {
    this.#interruption = interruption;
    interruption.addEventListener('abort', () => {
      for (const child of this.#children) child.kill('SIGTERM');
    });
    this.folder = makeOpenFolder();
  }

  async open(): Promise<void> {
    const { server, client } = this.#names;
    for (const name of [server, client]) {
      this.#interruption.throwIfAborted();
      await ip('netns', 'add', name);
      await ip('-n', name, 'link', 'set', 'lo', 'up');
    }
    await ip('link', 'add', 'name', 'cable', 'netns', server, 'type', 'veth', 'peer', 'name', 'cable', 'netns', client);
    await ip('-n', server, 'address', 'add', `${SERVER}/30`, 'dev', 'cable');
    await ip('-n', client, 'address', 'add', `${CLIENT}/30`, 'dev', 'cable');
    await ip('-n', server, 'link', 'set', 'cable', 'up');
    await ip('-n', client, 'link', 'set', 'cable', 'up');
  }

  sstpd(side: 'server' | 'client', words: readonly string[]): ChildProcess {
    return this.node(side, [PROGRAM, ...words]);
  }

  node(side: 'server' | 'client', words: readonly string[]): ChildProcess {
    return this.#start(side, [process.execPath, NO_DEBUGGER, ...words]);
  }

  /** @returns standard output. @throws {Failure} also if it takes longer than `seconds` and a little */
  run(side: 'server' | 'client', words: readonly string[], seconds: number): Promise<string> {
    return output(this.#start(side, words), seconds + GRACE_SECONDS);
  }

  /** The first line that fits. @throws {CliError} with what the process said if it ends, or takes too long, without one */
  async until(who: string, child: ChildProcess, fits: (line: string) => boolean): Promise<string> {
    if (child.stdout === null) throw new TypeError('the child has no standard output');
    let complaint = '';
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      complaint += text;
    });
    const closed = once(child, 'close');
    const tooLong = AbortSignal.timeout(START_MS);
    const lines = createInterface({
      input: child.stdout,
      signal: AbortSignal.any([tooLong, this.#interruption]),
    });
    try {
      for await (const line of lines) if (fits(line)) return line;
    } finally {
      child.stdout.resume(); // nobody reads on, and a full pipe would stop the process
    }
    this.#interruption.throwIfAborted();
    if (tooLong.aborted) throw new CliError(`the demo stopped: the ${who} was not ready within ${START_MS / 1000} s`);
    const [status] = (await closed) as [number | null];
    const told = complaint.trim().split('\n');
    const why =
      told.findLast((line) => line.startsWith('sstpd: '))?.slice('sstpd: '.length) ?? told.slice(-3).join(' ');
    throw new CliError(`the demo stopped: the ${who} ended: ${printable(why) || `status ${status}`}`);
  }

  /** The client first, so that the server sees it go; each may take as long as an orderly end does. */
  async close(): Promise<void> {
    for (const child of this.#children.reverse()) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      const ended = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGTERM');
      await Promise.race([ended, new Promise((resolve) => setTimeout(resolve, 8_000).unref())]);
      child.kill('SIGKILL');
    }
    for (const name of Object.values(this.#names))
      await output(startIp(['netns', 'delete', name])).catch(() => undefined);
    rmSync(this.folder, { recursive: true, force: true });
  }

  #start(side: 'server' | 'client', words: readonly string[]): ChildProcess {
    this.#interruption.throwIfAborted();
    const child = startIp(['netns', 'exec', this.#names[side], ...words]);
    this.#children.push(child);
    return child;
  }
}

/** The server becomes another user, who has to be able to pass through; a TMPDIR may be closed to all but its owner. */
function makeOpenFolder(): string {
  for (const place of [tmpdir(), '/tmp', '/var/tmp']) {
    try {
      const parent = realpathSync(place);
      if (!isOpen(parent)) continue;
      const folder = mkdtempSync(join(parent, 'sstpd-demo-'));
      chmodSync(folder, 0o755);
      return folder;
    } catch {
      // missing or read-only: the next one
    }
  }
  throw new CliError('the demo found no folder for its files that every user may pass through: chmod 1777 /tmp');
}

function isOpen(folder: string): boolean {
  const isOpenItself = (statSync(folder).mode & 0o001) !== 0;
  return isOpenItself && (folder === dirname(folder) || isOpen(dirname(folder)));
}

async function ip(...words: string[]): Promise<void> {
  try {
    await output(startIp(words));
  } catch (error) {
    if (error instanceof Failure) throw new CliError(`ip ${words.join(' ')}: ${error.message}`);
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    throw new CliError("the command 'ip' is missing: apt install iproute2");
  }
}

/** In a session of its own: Ctrl-C in the terminal is for us, who end everything in order. */
function startIp(words: readonly string[]): ChildProcess {
  const { env } = process;
  const plain = Object.fromEntries(Object.entries(env).filter(([name]) => !name.startsWith('SSTPD_')));
  return spawn(systemCommand('ip'), words, {
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
    // JSON lines are what we wait for; nothing of how the user runs a server of theirs is for the demo's.
    // `ip netns exec` looks for programs itself.
    env: { ...plain, PATH: SYSTEM_PATH, SSTPD_RUN_LINK: 'false', SSTPD_LOG_FORMAT: 'json', SSTPD_LOG_LEVEL: 'info' },
  });
}

/** A command that ended otherwise than with status 0. */
class Failure extends Error {}

/** What a command prints until its end. @throws {Failure} with its standard error */
async function output(child: ChildProcess, limitSeconds: number = START_MS / 1000): Promise<string> {
  let [stdout, stderr, isTooLong] = ['', '', false];
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  const timer = setTimeout(() => {
    isTooLong = true;
    child.kill('SIGKILL');
  }, limitSeconds * 1000);
  try {
    const [status] = (await once(child, 'close')) as [number | null];
    if (status === 0) return stdout;
    if (isTooLong) throw new Failure(`no end within ${limitSeconds} s`);
    throw new Failure(stderr.trim() || `status ${status}`);
  } finally {
    clearTimeout(timer);
  }
}
