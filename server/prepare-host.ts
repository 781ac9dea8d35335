import { realpathSync } from 'node:fs';
import type { ReachView } from '../admin/index.ts';
import type { Ipv4, UndoStack } from '../core/index.ts';
import { congestionControlFor } from '../datapath/index.ts';
import { forgetFlows, type IpPrefix, removeRoute, replaceRoute } from '../tun/index.ts';
import type { Claimed } from './claim.ts';
import type { Config } from './config/index.ts';
import { fixedAddressFault, fixedAddressRule } from './control/index.ts';
import { FlowWatch } from './flow-watch.ts';
import {
  clientNetworks,
  FlowCleaner,
  HostRoutes,
  instanceOf,
  logRemarks,
  planReach,
  reachRemarks,
  reachView,
  readRefusedFlows,
  setUpNetwork,
  Translations,
  tableName,
} from './host/index.ts';
import type { Opened } from './open.ts';

/** The host as it is set up for the clients. */
export interface PreparedHost {
  readonly reach: ReachView;
  readonly routes: HostRoutes;
  readonly cleaner: FlowCleaner;
  readonly flows: FlowWatch;
  /** Where clients are that another worker may have. */
  readonly networks: readonly { readonly network: IpPrefix; readonly own: IpPrefix }[];
  /** Why nobody could have an address for good; undefined if somebody could. */
  readonly fixedFault: (address: Ipv4) => string | undefined;
  /** The kernel's name of it; empty for the system's own. */
  readonly congestionControl: string;
  /** Lines that the operator should read. */
  readonly remarks: readonly string[];
}

/** What is changed of the host goes on `undo`. @throws an operator error */
export async function prepareHost(options: {
  readonly config: Config;
  readonly claimed: Claimed;
  readonly opened: Opened;
  readonly undo: UndoStack;
}): Promise<PreparedHost> {
  const { config, undo } = options;
  const { plan } = options.claimed;
  const { tuns, store, log } = options.opened;
  const access = await planReach(config, plan, store.settings);
  const network = await setUpNetwork({ config, plan, tuns: tuns.names, reach: access.reach, undo, log });
  const reachable = await reachRemarks(access, store.settings);
  logRemarks(reachable, log);
  const congestionControl = congestionControlFor(config.tcp.congestion);
  const shown = { devices: tuns.names, offload: tuns.offload, congestionControl: congestionControl || 'system' };
  log.info('network.offload', shown);
  const translations = new Translations(network.host, log);
  undo.push(() => translations.settled());
  const table = { replace: replaceRoute, remove: removeRoute };
  const routes = new HostRoutes({ table, translations, pool: plan.cidr, perClient: tuns.names.length > 1, log });
  const cleaner = new FlowCleaner({ forget: forgetFlows, log });
  undo.push(() => cleaner.settled());
  const networks = clientNetworks(config, plan);
  await cleaner.cleanNetworks(networks.map(({ network: clients }) => clients));
  const flows = new FlowWatch({
    read: () => readRefusedFlows(tableName(instanceOf(realpathSync(config.data)))),
    limit: config.limits.flowsPerClient,
    log,
  });
  undo.push(() => flows.stop());
  const rule = fixedAddressRule(config, plan, tuns.names);
  return {
    reach: reachView(access),
    routes,
    cleaner,
    flows,
    networks,
    fixedFault: (address) => fixedAddressFault(address, rule),
    congestionControl,
    remarks: [...network.remarks, ...reachable],
  };
}
