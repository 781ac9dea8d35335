import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { CliError } from './terminal.ts';

const run = promisify(execFile);

const PROGRAM = join(import.meta.dirname, '../bin/sstpd.js');
const TRAFFIC = join(import.meta.dirname, 'demo-traffic.ts');
/** The network between the two namespaces, from the range for benchmarks (RFC 2544), and the pool of the demo's clients. */
const SERVER = '198.18.0.1';
const CLIENT = '198.18.0.2';
const POOL = '10.86.0.0/24';
const SERVER_INSIDE = '10.86.0.1';
const TRAFFIC_PORT = 5201;
const SECONDS = 3;
const START_MS = 20_000;

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
 * @throws {CliError} with one line if a right or a program is missing
 */
export async function runDemo({ stdout }: { readonly stdout: { write(text: string): unknown } }): Promise<number> {
  if (process.getuid?.() !== 0)
    throw new CliError('the demo makes network namespaces and needs root: sudo npx sstpd demo');
  const stage = new Stage();
  const stop = (): void => stage.killAll();
  process.on('SIGINT', stop);
  process.on('SIGTERM', stop);
  try {
    await play(stage, (line) => void stdout.write(`${line}\n`));
    return 0;
  } finally {
    process.off('SIGINT', stop);
    process.off('SIGTERM', stop);
    await stage.close();
  }
}

async function play(stage: Stage, say: (line: string) => void): Promise<void> {
  say('Two network namespaces, one cable: a server and a client that have never met.');
  await stage.open();
  const data = join(stage.folder, 'data');
  const server = stage.sstpd('server', [
    ...['serve', '--data', data, '--host', SERVER, '--listen', `${SERVER}:443`, '--pool', POOL, '--dns', SERVER_INSIDE],
  ]);
  await until(server, (line) => line.includes('"msg":"server.started"'));
  const [user = '', password = ''] = readFileSync(join(data, 'first-user.txt'), 'utf8').split('\n');
  const passwordFile = join(stage.folder, 'password');
  writeFileSync(passwordFile, password, { mode: 0o600 });
  say(`The server made its own CA, certificate and user '${user}', and listens on ${SERVER}:443.`);

  const client = stage.sstpd('client', [
    ...['connect', SERVER, '--user', user, '--password-file', passwordFile, '--ca', join(data, 'ca.pem'), '--json'],
  ]);
  const up = await until(client, (line) => line.includes('"event":"up"') && line.includes('"ipv4"'));
  tellTimeline(JSON.parse(up) as Up, say);
  await tellPing(stage, say);
  const listener = stage.node('server', [TRAFFIC, 'listen', SERVER_INSIDE, String(TRAFFIC_PORT)]);
  await until(listener, (line) => line === 'ready');
  for (const direction of ['download', 'upload'] as const) await tellRate(stage, direction, say);
  say('');
  say('Now for real:  sudo npm start   and follow what it prints.');
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
    const { stdout } = await stage.run('client', 'ping', ['-c', '5', '-i', '0.2', '-q', SERVER_INSIDE]);
    const times = /= ([\d.]+)\/([\d.]+)\/([\d.]+)/.exec(stdout);
    say(`Ping through the tunnel: ${times?.[2]} ms (best ${times?.[1]}, worst ${times?.[3]})`);
  } catch (error) {
    if ((error as { code?: unknown }).code !== 127) throw new CliError('the ping through the tunnel was not answered');
    say('(no ping on this machine: apt install iputils-ping)');
  }
}

async function tellRate(stage: Stage, direction: 'download' | 'upload', say: (line: string) => void): Promise<void> {
  const words = [TRAFFIC, direction, SERVER_INSIDE, String(TRAFFIC_PORT), String(SECONDS)];
  const { stdout } = await stage.run('client', process.execPath, words);
  const { bytes, ms } = JSON.parse(stdout) as { bytes: number; ms: number };
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

  constructor() {
    this.folder = mkdtempSync(join(tmpdir(), 'sstpd-demo-'));
    chmodSync(this.folder, 0o755); // the server becomes another user and has to pass through
  }

  async open(): Promise<void> {
    const { server, client } = this.#names;
    for (const name of [server, client]) {
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
    const child = spawn('ip', ['netns', 'exec', this.#names[side], process.execPath, ...words], {
      stdio: ['ignore', 'pipe', 'pipe'],
      // JSON lines are what we wait for, whatever the user has set.
      env: { ...process.env, SSTPD_LOG_FORMAT: 'json', SSTPD_LOG_LEVEL: 'info' },
    });
    this.#children.push(child);
    return child;
  }

  run(side: 'server' | 'client', command: string, words: readonly string[]): Promise<{ stdout: string }> {
    return run('ip', ['netns', 'exec', this.#names[side], command, ...words]);
  }

  killAll(): void {
    for (const child of this.#children) child.kill('SIGTERM');
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
    for (const name of Object.values(this.#names)) await run('ip', ['netns', 'delete', name]).catch(() => undefined);
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** The first line that fits. @throws {CliError} with what the process said if it ends, or takes too long, without one */
async function until(child: ChildProcess, fits: (line: string) => boolean): Promise<string> {
  if (child.stdout === null) throw new TypeError('the child has no standard output');
  const said: string[] = [];
  child.stderr?.on('data', (chunk: Buffer) => said.push(chunk.toString()));
  const lines = createInterface({ input: child.stdout });
  const timer = setTimeout(() => lines.close(), START_MS);
  try {
    for await (const line of lines) {
      if (fits(line)) return line;
      said.push(line);
    }
  } finally {
    clearTimeout(timer);
    child.stdout.resume(); // nobody reads on, and a full pipe would stop the process
  }
  throw new CliError(`the demo stopped: ${said.slice(-3).join(' ').trim()}`);
}

async function ip(...words: string[]): Promise<void> {
  try {
    await run('ip', words);
  } catch (error) {
    const { code, stderr } = error as NodeJS.ErrnoException & { stderr?: string };
    if (code === 'ENOENT') throw new CliError("the command 'ip' is missing: apt install iproute2");
    throw new CliError(`ip ${words.join(' ')}: ${stderr?.trim() ?? String(error)}`);
  }
}
