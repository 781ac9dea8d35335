/**
 * A lab in which a client floods the server from many addresses, and another one, or another address of the same, comes
 * clean. Floods are those of the bench, for some seconds.
 */
// Needs: root, ip, sysctl
import assert from 'node:assert/strict';
import { join } from 'node:path';
import type { CleanReport, CleanSettings } from '../../bench/floods/clean-load.ts';
import type { FloodReport, FloodSettings } from '../../bench/floods/flood-load.ts';
import { CLEAN_NETWORK6, FLOOD_NETWORK, FLOOD_NETWORK6, type Kind, type Shape } from '../../bench/floods/shapes.ts';
import { SstpdProcess } from './sstpd-process.ts';
import type { SstpdServer } from './sstpd-server.ts';
import { INSIDE, PASSWORD, SERVER, type ServeSettings, USER, VpnLab } from './vpn-lab.ts';

const FOLDER = join(import.meta.dirname, '../../bench/floods');
/** Smaller than the usual limits, so that a short flood fills them; one user comes from everywhere. */
const LIMITS = { SSTPD_LIMITS_UNAUTHENTICATED: '64', SSTPD_LIMITS_UNAUTHENTICATED_PER_ADDRESS: '16' };

const SERVER6 = '2001:db8:cafe::1';
const CLIENT6 = '2001:db8:cafe::2';
const ALSO_IPV6 = ['--listen', `[${SERVER6}]:443`, '--host', SERVER6];

export interface FloodLabOptions extends ServeSettings {
  /** Floods and clean clients come over IPv6. */
  readonly ipv6?: boolean;
  /** Done before the server starts. @returns arguments for it */
  readonly prepare?: (vpn: VpnLab) => Promise<readonly string[]>;
}

export class FloodLab {
  readonly vpn: VpnLab;
  readonly server: SstpdServer;
  readonly #family: 4 | 6;
  #cleanLoads = 0;

  private constructor(vpn: VpnLab, server: SstpdServer, family: 4 | 6) {
    this.vpn = vpn;
    this.server = server;
    this.#family = family;
  }

  /** The server has `ann`, who may have many sessions, and small limits. */
  static async create({ args = [], env = {}, ipv6 = false, prepare }: FloodLabOptions = {}): Promise<FloodLab> {
    const vpn = await VpnLab.create({ clients: 2 });
    try {
      await vpn.client().run('ip', ['route', 'add', 'local', FLOOD_NETWORK, 'dev', 'lo']);
      await vpn.server.run('ip', ['route', 'add', FLOOD_NETWORK, 'via', '198.18.1.2']);
      if (ipv6) await joinOverIpv6(vpn);
      const users = { SSTPD_USERS_MAX_PER_USER: '1000' };
      const more = [...(ipv6 ? ALSO_IPV6 : []), ...((await prepare?.(vpn)) ?? [])];
      const server = await vpn.serveAnn({ args: [...args, ...more], env: { ...LIMITS, ...users, ...env } });
      return new FloodLab(vpn, server, ipv6 ? 6 : 4);
    } catch (error) {
      await vpn.destroy();
      throw error;
    }
  }

  /** Ends what it runs; resolves to what a flood came to. */
  async flood(settings: Omit<FloodSettings, 'host' | 'port'>): Promise<() => Promise<FloodReport>> {
    const flood = this.#load('flood-load.ts', { ...settings, ...this.#port } satisfies FloodSettings);
    await flood.printed(/^flooding$/);
    return async () => {
      flood.child.stdin?.write('report\n');
      const report = JSON.parse((await flood.printed(/^\{.*/))[0]) as FloodReport;
      flood.child.kill('SIGTERM');
      return report;
    };
  }

  /** Clean clients, each once from an address of its own, or some again and again from addresses that the server knows. */
  async clean(kind: 'new' | 'known', count: number, perSecond: number): Promise<CleanReport> {
    const ca = join(this.vpn.data, 'ca.pem');
    this.#cleanLoads += 1;
    const account = { user: USER, password: PASSWORD, first: this.#cleanLoads * 100 };
    const settings: CleanSettings = { protocol: 'sstp', ...this.#port, ca, ...account, family: this.#family };
    const clean = this.#load('clean-load.ts', settings);
    await clean.printed(/^ready$/);
    clean.child.stdin?.write(`${kind} ${count} ${perSecond}\n`);
    const report = JSON.parse((await clean.printed(/^\{.*/))[0]) as CleanReport;
    clean.child.kill('SIGTERM');
    return report;
  }

  /**
   * A flood of so many seconds, and what must hold beside it: clean clients from new addresses and from known ones get in
   * at the first try, and a session that is up goes on. @returns what the flood came to
   */
  async beside(kind: Kind, shape: Shape, rate: number): Promise<FloodReport> {
    const session = this.vpn.connect({ from: 1 });
    await session.up();
    assert.deepEqual((await this.clean('known', 10, 10)).failures, {});
    const end = await this.flood({ kind, shape, rate, seconds: 30 });
    await this.server.logged('server.under-flood', {});
    const [fresh, known, ping] = await Promise.all([
      this.clean('new', 15, 5),
      this.clean('known', 15, 5),
      session.netns.run('ping', ['-c', '20', '-i', '0.1', '-W', '5', INSIDE]),
    ]);
    const report = await end();
    assert.deepEqual([fresh.failures, fresh.inAtFirst], [{}, 15], `${shape}: new addresses`);
    assert.deepEqual([known.failures, known.inAtFirst], [{}, 15], `${shape}: known addresses`);
    assert.match(ping, / 0% packet loss/);
    await session.stop();
    return report;
  }

  async destroy(): Promise<void> {
    await this.vpn.destroy();
  }

  get #port(): { readonly host: string; readonly port: number } {
    return { host: this.#family === 6 ? SERVER6 : SERVER, port: 443 };
  }

  #load(script: string, settings: object): SstpdProcess {
    return new SstpdProcess(this.vpn.client(), [process.execPath, join(FOLDER, script), JSON.stringify(settings)]);
  }
}

/** The first client has all addresses of the floods and of the clean clients. */
async function joinOverIpv6(vpn: VpnLab): Promise<void> {
  const [client, { server }] = [vpn.client(), vpn];
  await client.run('ip', ['address', 'add', `${CLIENT6}/64`, 'dev', 'cable', 'nodad']);
  await server.run('ip', ['address', 'add', `${SERVER6}/64`, 'dev', 'cable1', 'nodad']);
  for (const network of [FLOOD_NETWORK6, CLEAN_NETWORK6]) {
    await client.run('ip', ['route', 'add', 'local', network, 'dev', 'lo']);
    await server.run('ip', ['route', 'add', network, 'via', CLIENT6]);
  }
  // An address of a local route may be bound to in IPv4 as it is.
  await client.run('sysctl', ['-q', '-w', 'net.ipv6.ip_nonlocal_bind=1']);
}
