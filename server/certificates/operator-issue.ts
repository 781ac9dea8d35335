/** Issuing by hand: what `sstpd ca` does, with or without a server that runs. */
import { statSync } from 'node:fs';
import { hostname, networkInterfaces } from 'node:os';
import { checkNames } from '../../certs/index.ts';
import { asUser, StartError } from '../../core/index.ts';
import type { Config } from '../config/index.ts';
import { machineNames } from '../host/index.ts';
import { canBeRoots, type IssueResult, issueHere } from './issue.ts';

/**
 * As root for the owner of the data directory; anybody else can do it for himself alone.
 *
 * @param devices TUN devices of the server that runs
 * @param renews whether the authority is made anew
 * @returns undefined if the server shows certificates of others
 * @throws {CertificateError} @throws {StartError}
 */
export function issueByHand(
  config: Pick<Config, 'data' | 'hosts' | 'tls'>,
  devices: readonly string[],
  renews: boolean,
): IssueResult | undefined {
  const { data, hosts, tls } = config;
  if (tls.cert.length > 0) return undefined;
  const stats = statSync(data, { throwIfNoEntry: false });
  if (stats === undefined) throw new StartError(`there is no data directory ${data}: --data DIR names another`);
  const me = process.geteuid?.();
  if (me !== 0 && me !== stats.uid) throw new StartError(`data directory ${data} is another user's: run this as root`);
  const names = namesOf(config, devices);
  const request = { data, names, isBound: hosts.length > 0, isStopgap: tls.acme.enabled, renews, now: Date.now() };
  if (canBeRoots(data, stats)) return issueHere({ ...request, owner: stats });
  return asUser(stats, () => issueHere({ ...request, owner: undefined }));
}

/**
 * Whether what is issued for one configuration is not what a server that runs with another shows its clients.
 *
 * @param devices TUN devices of that server
 * @returns undefined if the names are the same, or that server shows no certificate of its own authority
 */
export function otherNames(
  wanted: Config,
  served: Config,
  devices: readonly string[],
): { readonly wanted: readonly string[]; readonly served: readonly string[] } | undefined {
  if (served.tls.cert.length > 0) return undefined;
  const [a, b] = [namesOf(wanted, devices), namesOf(served, devices)].map((names) => {
    const { dns, ip } = checkNames(names);
    return [...dns, ...ip].sort();
  }) as [string[], string[]];
  return a.join() === b.join() ? undefined : { wanted: a, served: b };
}

function namesOf({ hosts }: Pick<Config, 'hosts'>, devices: readonly string[]): readonly string[] {
  return hosts.length > 0 ? hosts : machineNames(hostname(), networkInterfaces, { tunnels: devices });
}
