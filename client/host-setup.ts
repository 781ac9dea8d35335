import { execFile } from 'node:child_process';
import { isIP } from 'node:net';
import { formatIpv4, formatIpv6, SYSTEM_ENVIRONMENT, systemCommand, util } from '../core/index.ts';
import { IpBatch } from './ip-batch.ts';
import type { ClientAddresses } from './sstp-client.ts';

const run = util.promisify(execFile);
const runIp = (words: readonly string[]): Promise<{ readonly stdout: string }> =>
  run(systemCommand('ip'), words, { env: SYSTEM_ENVIRONMENT });

/** The two halves of everything: together they beat the default route without replacing it. */
const HALVES = ['0.0.0.0/1', '128.0.0.0/1'];

/** This machine's side of the tunnel: addresses of the TUN device and routes into it, through `ip` (iproute2). */
export class HostSetup {
  readonly #device: string;
  readonly #routes: readonly string[];
  readonly #defaultRoute: boolean;
  /** Started ahead of the first addresses; has brought the device up. */
  #prepared: IpBatch | undefined;
  /** The route that keeps the tunnel's own packets out of the tunnel, if we made one. */
  #serverRoute: readonly string[] | undefined;
  #hasLinkLocal = false;
  #hasIpv4 = false;

  constructor(options: {
    readonly device: string;
    readonly routes: readonly string[];
    readonly defaultRoute: boolean;
  }) {
    this.#device = options.device;
    this.#routes = options.routes;
    this.#defaultRoute = options.defaultRoute;
    this.#prepared = new IpBatch();
    // With the address that IPv6CP settled, not one that the kernel makes up.
    this.#prepared.add('link', 'set', 'dev', this.#device, 'addrgenmode', 'none');
    this.#prepared.add('link', 'set', 'dev', this.#device, 'up');
  }

  /**
   * Brings the device in line with what is settled so far.
   *
   * @param serverAddress the address that TLS is connected to
   * @throws {Error} with the message of `ip`
   */
  async apply({ ipv4, linkLocal }: ClientAddresses, serverAddress: string): Promise<void> {
    const hasNewIpv4 = ipv4 !== undefined && !this.#hasIpv4;
    const hasNewLinkLocal = linkLocal !== undefined && !this.#hasLinkLocal;
    if (!hasNewIpv4 && !hasNewLinkLocal) return;
    const batch = this.#prepared ?? new IpBatch();
    this.#prepared = undefined;
    try {
      if (hasNewIpv4) await this.#addIpv4(batch, ipv4, serverAddress);
      if (hasNewLinkLocal) {
        this.#hasLinkLocal = true;
        batch.add('address', 'replace', `${formatIpv6(linkLocal)}/64`, 'dev', this.#device, 'nodad');
      }
    } finally {
      await batch.end();
    }
  }

  async #addIpv4(batch: IpBatch, ipv4: NonNullable<ClientAddresses['ipv4']>, serverAddress: string): Promise<void> {
    this.#hasIpv4 = true;
    const peer = ipv4.serverAddress === undefined ? [] : ['peer', formatIpv4(ipv4.serverAddress)];
    batch.add('address', 'replace', formatIpv4(ipv4.address), ...peer, 'dev', this.#device);
    if (this.#defaultRoute) await this.#keepServerReachable(serverAddress);
    for (const route of [...this.#routes, ...(this.#defaultRoute ? HALVES : [])]) {
      batch.add('route', 'replace', route, 'dev', this.#device);
    }
  }

  /** Takes back what does not go with the device. */
  async undo(): Promise<void> {
    await this.#prepared?.end().catch(() => undefined); // there was nothing to set up
    this.#prepared = undefined;
    if (this.#serverRoute === undefined) return;
    await ip('route', 'delete', ...this.#serverRoute).catch(() => undefined); // gone already: that is what we want
    this.#serverRoute = undefined;
  }

  async #keepServerReachable(serverAddress: string): Promise<void> {
    if (isIP(serverAddress) !== 4) return; // only IPv4 is sent into the tunnel
    const { stdout } = await runIp(['-json', 'route', 'get', serverAddress]);
    const [current] = JSON.parse(stdout) as { gateway?: string; dev?: string }[];
    if (current?.gateway === undefined || current.dev === undefined) return; // on a network of our own
    const route = [serverAddress, 'via', current.gateway, 'dev', current.dev];
    const existing = await runIp(['route', 'show', 'exact', `${serverAddress}/32`]);
    if (existing.stdout !== '') return; // somebody's own, which must outlive us
    await ip('route', 'add', ...route);
    this.#serverRoute = route;
  }
}

async function ip(...words: string[]): Promise<void> {
  try {
    await runIp(words);
  } catch (error) {
    const { code, stderr } = error as NodeJS.ErrnoException & { stderr?: string };
    if (code === 'ENOENT') throw new Error("the command 'ip' is missing: apt install iproute2");
    throw new Error(`ip ${words.join(' ')}: ${stderr?.trim() ?? String(error)}`);
  }
}
