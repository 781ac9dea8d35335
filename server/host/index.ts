/**
 * What the program changes of the Linux host, and takes back: devices' addresses, routes, NAT, rights, the data directory.
 * Only the supervisor may; no worker loads any of it.
 */

export { cageArguments, pathsOfWorker } from './cage.ts';
export { type Cage, type CagePlan, examineCage, planCage, workerEnvironment } from './cage-plan.ts';
export { checkFallback } from './check-fallback.ts';
export { HostRoutes } from './client-routes.ts';
export { claimDataDirectory, closedParent, lockAuthority, lockDataDirectory, realDirectory } from './data-directory.ts';
export { deviceCount, deviceName } from './device-names.ts';
export { FlowCleaner } from './flow-cleaner.ts';
export { hostAddresses } from './host-addresses.ts';
export { machineNames, ownNames } from './machine-names.ts';
export { missingRight, readRights } from './missing-rights.ts';
export { firewallRules, tableName } from './network/firewall.ts';
export { type ForwardingState, forwardingState } from './network/forwarding.ts';
export type { Reach } from './network/reach.ts';
export { type RefusedFlows, readRefusedFlows } from './network/refused-flows.ts';
export {
  type Detour,
  deviceNetwork,
  deviceState,
  type ForeignChains,
  findDetour,
  findForeignChains,
  mostTrackedFlows,
  nftFault,
  uplink,
} from './network/survey.ts';
export { asDeny, openToClients, planReach, reachRemarks, reachView } from './plan-reach.ts';
export { becomeRunUser, chooseRunUser, KEPT_CAPABILITIES, type RunUser } from './privileges.ts';
export {
  type AddressPlan,
  clientNetworks,
  instanceOf,
  logRemarks,
  planAddresses,
  setUpNetwork,
} from './set-up-network.ts';
export { Translations } from './translations.ts';
