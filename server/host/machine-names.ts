import { hostname, networkInterfaces } from 'node:os';
import { checkName, MOST_NAMES } from '../../certs/index.ts';
import { isVpnDevice } from './network/own-devices.ts';

/** How a machine's names are found; tests replace it. */
export interface MachineNameOptions {
  /** Devices of a server that runs, which its clients reach only once they are connected. */
  readonly tunnels?: readonly string[];
  /** Whether it is a device of whichever server of this machine. */
  readonly isTunnel?: (device: string) => boolean;
}

/**
 * Names a client can dial when the operator gave none: a full host name, this machine's addresses, then the short name.
 * Loopback and link-local addresses are of no use to a client, nor are names that mean another machine there. What no
 * certificate can carry is left out; of more than fit into one, the addresses come first.
 */
export function machineNames(
  host: string = hostname(),
  interfaces: typeof networkInterfaces = networkInterfaces,
  { tunnels = [], isTunnel = isVpnDevice }: MachineNameOptions = {},
): string[] {
  const addresses = Object.entries(interfaces())
    .flatMap(([device, list]) => (tunnels.includes(device) || isTunnel(device) ? [] : (list ?? [])))
    .filter(
      (entry) =>
        !entry.internal && !entry.address.toLowerCase().startsWith('fe80:') && !entry.address.startsWith('169.254.'),
    );
  const ofFamily = (family: string): string[] =>
    addresses.filter((entry) => entry.family === family).map((entry) => entry.address);
  const numeric = [...new Set([...ofFamily('IPv4'), ...ofFamily('IPv6')])].filter(isCertifiable).slice(0, MOST_NAMES);
  const named = numeric.length < MOST_NAMES && isCertifiable(host) && !isLocalName(host) ? [host] : [];
  const names = [...new Set(host.includes('.') ? [...named, ...numeric] : [...numeric, ...named])];
  return names.length > 0 ? names : ['localhost'];
}

/** What the own certificate is for. @param hosts the operator's, none for the machine's own */
export function ownNames(hosts: readonly string[]): readonly string[] {
  return hosts.length > 0 ? hosts : machineNames();
}

function isCertifiable(name: string): boolean {
  try {
    checkName(name);
    return true;
  } catch {
    return false;
  }
}

/** What installers call a machine that got no name: `localhost`, `localhost.anything`, `anything.localdomain`. */
function isLocalName(host: string): boolean {
  return /^localhost(?:\.|$)|\.localdomain\.?$/i.test(host);
}
