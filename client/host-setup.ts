import { execFile } from 'node:child_process';
import { isIP } from 'node:net';
import { promisify } from 'node:util';
import { formatIpv4, formatIpv6 } from '../core/index.ts';
import type { ClientAddresses } from './sstp-client.ts';

const run = promisify(execFile);

/** The two halves of everything: together they beat the default route without replacing it. */
const HALVES = ['0.0.0.0/1', '128.0.0.0/1'];

/** This machine's side of the tunnel: addresses of the TUN device and routes into it, through `ip` (iproute2). */
export class HostSetup {
  readonly #device: string;
  readonly #routes: readonly string[];
  readonly #defaultRoute: boolean;
  readonly #serverAddress: string;
  /** The route that keeps the tunnel's own packets out of the tunnel, if we made one. */
  #serverRoute: readonly string[] | undefined;
  #isUp = false;
  #hasIpv4 = false;

  /** @param options.serverAddress the address that TLS is connected to */
  constructor(options: {
    readonly device: string;
    readonly routes: readonly string[];
    readonly defaultRoute: boolean;
    readonly serverAddress: string;
  }) {
    this.#device = options.device;
    this.#routes = options.routes;
    this.#defaultRoute = options.defaultRoute;
    this.#serverAddress = options.serverAddress;
  }

  /** Brings the device in line with what is settled so far. @throws {Error} with the message of `ip` */
  async apply(addresses: ClientAddresses): Promise<void> {
    if (!this.#isUp) {
      this.#isUp = true;
      // With the address that IPv6CP settled, not one that the kernel makes up.
      await ip('link', 'set', 'dev', this.#device, 'addrgenmode', 'none');
      await ip('link', 'set', 'dev', this.#device, 'up');
    }
    if (addresses.linkLocal !== undefined) {
      await ip('address', 'replace', `${formatIpv6(addresses.linkLocal)}/64`, 'dev', this.#device, 'nodad');
    }
    if (addresses.ipv4 === undefined || this.#hasIpv4) return;
    this.#hasIpv4 = true;
    const { address, serverAddress } = addresses.ipv4;
    const peer = serverAddress === undefined ? [] : ['peer', formatIpv4(serverAddress)];
    await ip('address', 'replace', formatIpv4(address), ...peer, 'dev', this.#device);
    if (this.#defaultRoute) await this.#keepServerReachable();
    for (const route of [...this.#routes, ...(this.#defaultRoute ? HALVES : [])]) {
      await ip('route', 'replace', route, 'dev', this.#device);
    }
  }

  /** Takes back what does not go with the device. */
  async undo(): Promise<void> {
    if (this.#serverRoute === undefined) return;
    await ip('route', 'delete', ...this.#serverRoute).catch(() => undefined); // gone already: that is what we want
    this.#serverRoute = undefined;
  }

  async #keepServerReachable(): Promise<void> {
    if (isIP(this.#serverAddress) !== 4) return; // only IPv4 is sent into the tunnel
    const { stdout } = await run('ip', ['-json', 'route', 'get', this.#serverAddress]);
    const [current] = JSON.parse(stdout) as { gateway?: string; dev?: string }[];
    if (current?.gateway === undefined || current.dev === undefined) return; // on a network of our own
    const route = [this.#serverAddress, 'via', current.gateway, 'dev', current.dev];
    const existing = await run('ip', ['route', 'show', 'exact', `${this.#serverAddress}/32`]);
    if (existing.stdout !== '') return; // somebody's own, which must outlive us
    await ip('route', 'add', ...route);
    this.#serverRoute = route;
  }
}

async function ip(...words: string[]): Promise<void> {
  try {
    await run('ip', words);
  } catch (error) {
    const { code, stderr } = error as NodeJS.ErrnoException & { stderr?: string };
    if (code === 'ENOENT') throw new Error("the command 'ip' is missing: apt install iproute2");
    throw new Error(`ip ${words.join(' ')}: ${stderr?.trim() ?? String(error)}`);
  }
}
