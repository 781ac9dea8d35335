/**
 * Runs inside a network namespace, started by network-*.test.ts: makes a HostNetwork from the first argument (JSON) and
 * calls the methods that the others name, `addHostRoute=192.0.2.7` with an address,
 * several at the same time joined by `&`. Prints what each returned as JSON.
 */
import { type Ipv4, type Log, parseIpv4, parseIpv4Cidr, parseIpv6, parseIpv6Cidr } from '../../core/index.ts';
import { network as denied, hostAccess } from '../../server/config/format.ts';
import type { Lease } from '../../server/control/lease-desk.ts';
import { HostRoutes } from '../../server/host/client-routes.ts';
import { HostNetwork, NetworkError } from '../../server/host/network/index.ts';
import { Translations } from '../../server/host/translations.ts';
import { removeRoute, replaceRoute } from '../../tun/index.ts';

interface ChildOptions {
  readonly tun: string;
  readonly mtu: number;
  readonly pool: string;
  readonly pool6?: string;
  readonly nat: boolean;
  readonly flowsPerClient?: number;
  /** Others may begin flows towards clients. */
  readonly inbound?: boolean;
  /** As in the configuration; all unless said. */
  readonly hostAccess?: string;
  readonly deny?: readonly string[];
  readonly instance: string;
}

const log: Log = { debug() {}, info() {}, warn() {}, error() {}, child: () => log };

const [json = '{}', ...calls] = process.argv.slice(2);
const options = JSON.parse(json) as ChildOptions;
const cidr = known(parseIpv4Cidr(options.pool));
const cidr6 = options.pool6 === undefined ? undefined : known(parseIpv6Cidr(options.pool6));

try {
  const network = new HostNetwork({
    tuns: [options.tun],
    isolate: false,
    mtu: options.mtu,
    ipv4: { address: cidr.address + 1, cidr },
    ipv6: cidr6 && { address: known(parseIpv6(options.pool6?.replace(/\/\d+$/, '1') ?? '')), cidr: cidr6 },
    linkLocal: known(parseIpv6('fe80::a:b:c:1')),
    nat: options.nat,
    flowsPerClient: options.flowsPerClient ?? 4096,
    reach: {
      inbound: options.inbound ?? true,
      hostAccess: known(hostAccess.parse(options.hostAccess ?? 'all')).value,
      ...{ own: [{ host: undefined, port: 443 }], admin: undefined, metrics: undefined, dns: [], dns6: [] },
      deny: (options.deny ?? []).map((text) => known(denied.parse(text))),
    },
    instance: options.instance,
    log,
  });
  const translations = new Translations(network, log);
  const table = { replace: replaceRoute, remove: removeRoute };
  const routes = new HostRoutes({ table, translations, pool: cidr, perClient: false, log });
  const results: unknown[] = [];
  for (const call of calls) {
    results.push(...(await Promise.all(call.split('&').map((one) => run(network, routes, one)))));
    await translations.settled();
  }
  console.log(JSON.stringify({ results }));
} catch (error) {
  if (!(error instanceof NetworkError)) throw error;
  console.log(JSON.stringify({ error: error.message, code: error.code }));
}

async function run(network: HostNetwork, routes: HostRoutes, call: string): Promise<unknown> {
  const [method, address] = call.split('=');
  switch (method) {
    case 'up':
      return await network.up();
    case 'down':
      return await network.down();
    case 'cleanStale':
      return await network.cleanStale();
    case 'localNetworks':
      return await HostNetwork.localNetworks();
    case 'addHostRoute':
      return routes.add(leaseOf(address), options.tun) ?? null;
    case 'removeHostRoute':
      return routes.remove(leaseOf(address), options.tun) ?? null;
    default:
      throw new Error(`no method ${method}`);
  }
}

/** Of a lease only the addresses matter here. */
function leaseOf(text: string | undefined): Lease {
  const address: Ipv4 = known(parseIpv4(text ?? ''));
  const ipv4 = { address, serverAddress: 0, dns: [], wins: [] };
  return { ipv4, ipv6: undefined, interfaceId: new Uint8Array(8), linkLocal: new Uint8Array(16) };
}

function known<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('an option of the test is not what it should be');
  return value;
}
