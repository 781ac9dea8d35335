import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { formatIpv4, formatIpv6, SYSTEM_ENVIRONMENT, systemCommand, util } from '../core/index.ts';
import { IpBatch } from './ip-batch.ts';
import type { ClientAddresses } from './sstp-client.ts';

const run = util.promisify(execFile);
const runIp = (words: readonly string[]): Promise<{ readonly stdout: string }> =>
  run(systemCommand('ip'), words, { env: SYSTEM_ENVIRONMENT });

/** The two halves of everything: together they beat the default route without replacing it. */
const HALVES = ['0.0.0.0/1', '128.0.0.0/1'];

/**
 * With `--default-route` IPv6 takes the tunnel or nothing: a machine's own default route has a larger metric (the kernel's
 * is 1024, NetworkManager's 100), and the one from the server's Router Advertisement gets the smaller one.
 */
const TUNNEL_METRIC = 1;
/** Marks a route as ours, in a field that is for whoever makes routes: a number without a name in rt_protos. */
const OURS = ['proto', '143'];
const UNREACHABLE = ['unreachable', 'default', 'metric', '2'];

/** What `ip -json route get` says of a way; `via` is a gateway of the other family. */
interface Way {
  readonly gateway?: string;
  readonly via?: { readonly family: string; readonly host: string };
  readonly dev?: string;
}

/** This machine's side of the tunnel: addresses of the TUN device and routes into it, through `ip` (iproute2). */
export class HostSetup {
  readonly #device: string;
  readonly #routes: readonly string[];
  readonly #defaultRoute: boolean;
  /** Started ahead of the first addresses; has brought the device up. */
  #prepared: IpBatch | undefined;
  /** Routes that do not go with the device: one that keeps the tunnel's own packets out of it, one that ends IPv6. */
  readonly #made: (readonly string[])[] = [];
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
    if (this.#defaultRoute) this.#set('ra_defrtr_metric', TUNNEL_METRIC);
    else if (this.#routes.length > 0) this.#set('accept_ra_defrtr', 0);
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
    if (this.#defaultRoute) {
      await this.#keepServerReachable(serverAddress);
      await this.#endIpv6();
    }
    for (const route of [...this.#routes, ...(this.#defaultRoute ? HALVES : [])]) {
      batch.add('route', 'replace', route, 'dev', this.#device);
    }
  }

  /** Takes back what does not go with the device. */
  async undo(): Promise<void> {
    await this.#prepared?.end().catch(() => undefined); // there was nothing to set up
    this.#prepared = undefined;
    for (const route of this.#made.splice(0)) {
      await ip(...route).catch(() => undefined); // gone already: that is what we want
    }
  }

  async #keepServerReachable(serverAddress: string): Promise<void> {
    if (isIP(serverAddress) === 0 || serverAddress.includes('%')) return; // link-local: on a network of our own
    const { stdout } = await runIp(['-json', 'route', 'get', serverAddress]);
    const [current] = JSON.parse(stdout) as Way[];
    const gateway = current?.via === undefined ? [current?.gateway] : [current.via.family, current.via.host];
    if (current?.dev === undefined || gateway[0] === undefined) return; // on a network of our own
    const route = [serverAddress, 'via', ...gateway.map(String), 'dev', current.dev, ...OURS];
    const existing = await runIp(['route', 'show', 'exact', serverAddress]);
    // Somebody's own must outlive us; one that a killed client left must not.
    if (existing.stdout !== '' && !existing.stdout.includes(` ${OURS.join(' ')} `)) return;
    await ip('route', 'replace', ...route);
    this.#made.push(['route', 'delete', ...route]);
  }

  /** Replaces: a client that was killed may have left it. @throws {Error} where IPv6 could go past the tunnel */
  async #endIpv6(): Promise<void> {
    try {
      await ip('-6', 'route', 'replace', ...UNREACHABLE);
      this.#made.push(['-6', 'route', 'delete', ...UNREACHABLE]);
    } catch (error) {
      const { stdout } = await runIp(['-6', 'route', 'show', 'default']).catch(() => ({ stdout: '' }));
      if (stdout !== '') throw error; // else this machine has no IPv6 that could
    }
  }

  /** Older kernels (ra_defrtr_metric: before 5.14) and those without IPv6 have no such setting. */
  #set(name: string, value: number): void {
    try {
      writeFileSync(`/proc/sys/net/ipv6/conf/${this.#device}/${name}`, String(value));
    } catch {
      // What the server advertises is then not taken; nothing goes past the tunnel for it.
    }
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
