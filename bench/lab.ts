/** The places of the bench: network namespaces, the links between them and a temporary folder. All gone at the end. */
import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, globSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LineProcess, run } from './processes.ts';

const CLONE = join(import.meta.dirname, '..');
const PREFIX = 'sstpd-bench-';
/** Where every server is dialled, from each of its links (RFC 5737). */
export const SERVER_ADDRESS = '192.0.2.1';

/** A line between client and server, as one would buy it; see tools/relay.cc. */
export interface Line {
  readonly mbits: number;
  readonly roundTripMs: number;
  readonly queueMs: number;
  /** Probability that a packet is lost, each way. */
  readonly loss: number;
}

export interface LineReport {
  readonly scheduling: string;
  readonly aToB: DirectionReport;
  readonly bToA: DirectionReport;
}

interface DirectionReport {
  readonly packets: number;
  readonly dropped: number;
  readonly lost: number;
  /** By how much packets came later than the line's arithmetic says. */
  readonly lateUs: { readonly median: number; readonly p99: number; readonly p999: number; readonly max: number };
}

/** One server and its clients. Each client has a link of its own to the server's one address. */
export interface Place {
  readonly server: string;
  readonly clients: readonly string[];
  /** Makes the first client's line another one from now on. @throws {Error} if it has none */
  change(line: Line): Promise<void>;
  /** Ends what runs in it and removes it. May be called twice. */
  close(): Promise<LineReport | undefined>;
}

export class Lab {
  /** Certificates, keys, configuration; others than root may pass through, for servers that drop their rights. */
  readonly folder: string;
  /** The program of tools/. */
  readonly tools: string;
  /** sstpd as users install it: what `npm pack` makes of this clone, with the modules that are here. */
  readonly program: string;
  readonly #namespaces = new Set<string>();
  #made = 0;

  private constructor(folder: string) {
    this.folder = folder;
    this.tools = join(folder, 'tools');
    this.program = join(folder, 'package/bin/sstpd.js');
  }

  /**
   * Compiles the tools, packs sstpd, and removes what a bench that was killed left behind.
   *
   * @throws {Error} saying what is missing
   */
  static async make(): Promise<Lab> {
    removeLeftovers();
    const lab = new Lab(mkdtempSync(join(tmpdir(), `${PREFIX}${process.pid}-`)));
    chmodSync(lab.folder, 0o755);
    const sources = globSync(join(import.meta.dirname, 'tools/*.cc'));
    await run(['g++', '-std=c++17', '-O2', '-Wall', '-Wextra', ...sources, '-o', lab.tools]);
    await run(['npm', 'pack', CLONE, '--pack-destination', lab.folder]);
    await run(['tar', '-x', '-C', lab.folder, '-f', ...globSync(join(lab.folder, '*.tgz'))]);
    symlinkSync(join(CLONE, 'node_modules'), join(lab.folder, 'package/node_modules'));
    return lab;
  }

  /** Server and clients side by side, joined by veth pairs. */
  async direct(count: number, congestion: string): Promise<Place> {
    return this.behindLines(new Array<undefined>(count).fill(undefined), congestion);
  }

  async #joinDirectly(server: string, client: string, i: number): Promise<undefined> {
    const pair = ['link', 'add', 'up0', 'netns', client, 'type', 'veth', 'peer', 'name', `down${i}`, 'netns', server];
    await run(['ip', ...pair]);
  }

  /** A server and one client with a home line between them. */
  async behindLine(line: Line, congestion: string): Promise<Place> {
    return this.behindLines([line], congestion);
  }

  /** A server and a client for each line; `undefined` is a client beside it, joined by a veth pair. */
  async behindLines(lines: readonly (Line | undefined)[], congestion: string): Promise<Place> {
    return this.#place(lines.length, congestion, async (server, client, i) => {
      const line = lines[i];
      if (line === undefined) return this.#joinDirectly(server, client, i);
      const words = [...wordsOf(line), String(i + 1)];
      const relay = new LineProcess([this.tools, 'relay', client, 'up0', server, `down${i}`, ...words]);
      await relay.hear((text) => text === 'ready');
      return relay;
    });
  }

  /** For the end of the process, without waiting. */
  closeNow(): void {
    for (const name of this.#namespaces) removeNamespace(name);
    this.#namespaces.clear();
    rmSync(this.folder, { recursive: true, force: true });
    removeSockets(process.pid);
  }

  async #place(
    count: number,
    congestion: string,
    link: (server: string, client: string, i: number) => Promise<LineProcess | undefined>,
  ): Promise<Place> {
    const server = await this.#namespace('server');
    const clients: string[] = [];
    const relays: (LineProcess | undefined)[] = [];
    let isClosed = false;
    const close = async (): Promise<LineReport | undefined> => {
      if (isClosed) return undefined;
      isClosed = true;
      const [report] = await Promise.all(relays.map((relay) => (relay === undefined ? undefined : reportOf(relay))));
      for (const name of [server, ...clients]) {
        removeNamespace(name);
        this.#namespaces.delete(name);
      }
      return report;
    };
    try {
      for (let i = 0; i < count; i += 1) {
        const client = await this.#namespace(`client${i}`);
        clients.push(client);
        relays.push(await link(server, client, i));
        const address = `192.0.2.${i + 2}`;
        await joinLink(client, 'up0', address, SERVER_ADDRESS, congestion);
        await joinLink(server, `down${i}`, SERVER_ADDRESS, address, congestion);
      }
    } catch (error) {
      await close();
      throw error;
    }
    const change = async (line: Line): Promise<void> => {
      const [relay] = relays;
      if (relay === undefined) throw new Error('there is no line to change');
      relay.tell(wordsOf(line).join(' '));
      await relay.hear((text) => text === 'changed');
    };
    return { server, clients, change, close };
  }

  async #namespace(role: string): Promise<string> {
    this.#made += 1;
    const name = `${PREFIX}${process.pid}-${this.#made}-${role}`;
    await run(['ip', 'netns', 'add', name]);
    this.#namespaces.add(name);
    await run(['ip', '-n', name, 'link', 'set', 'lo', 'up']);
    return name;
  }
}

function wordsOf({ mbits, roundTripMs, queueMs, loss }: Line): string[] {
  return [mbits, roundTripMs / 2, queueMs, loss].map(String);
}

/**
 * @param congestion of TCP connections over this link that choose none themselves. By the route, because a namespace may
 *   set its default only to what the host allows to everybody.
 */
async function joinLink(netns: string, device: string, own: string, peer: string, congestion: string): Promise<void> {
  await run(['ip', '-n', netns, 'link', 'set', device, 'up', 'mtu', '1500']);
  await run(['ip', '-n', netns, 'address', 'add', `${own}/32`, 'dev', device]);
  await run(['ip', '-n', netns, 'route', 'add', peer, 'dev', device, 'src', own, 'congctl', congestion]);
}

async function reportOf(relay: LineProcess): Promise<LineReport | undefined> {
  const ended = relay.end();
  const line = await relay.hear((text) => text.startsWith('{'), 5_000).catch(() => undefined);
  await ended;
  return line === undefined ? undefined : (JSON.parse(line) as LineReport);
}

function removeNamespace(name: string): void {
  try {
    const pids = execFileSync('ip', ['netns', 'pids', name], { encoding: 'utf8', stdio: 'pipe' });
    for (const pid of pids.split('\n').filter(Boolean)) kill(Number(pid));
    execFileSync('ip', ['netns', 'delete', name], { stdio: 'ignore' });
  } catch {
    // gone already
  }
}

/** Namespaces and folders of a bench that no longer runs. */
function removeLeftovers(): void {
  const owner = (name: string): number => Number(new RegExp(`^${PREFIX}(\\d+)-`).exec(name)?.[1] ?? Number.NaN);
  const isLeft = (name: string): boolean => owner(name) > 0 && !existsSync(`/proc/${owner(name)}`);
  const names = execFileSync('ip', ['netns', 'list'], { encoding: 'utf8' }).split('\n');
  for (const name of names.map((line) => line.split(' ')[0] ?? '').filter(isLeft)) removeNamespace(name);
  for (const name of readdirSync(tmpdir()).filter(isLeft)) {
    removeSockets(owner(name));
    rmSync(join(tmpdir(), name), { recursive: true });
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // it ended by itself in the meantime
  }
}

/** wireguard-go keeps its control socket outside of any namespace, and leaves it there when it is killed. */
function removeSockets(pid: number): void {
  for (const file of globSync(`/var/run/wireguard/wg[sc]${pid}{,x*}.sock`)) rmSync(file, { force: true });
}
