/** Issuing by hand: what `sstpd ca` does, with or without a server that runs. */
import { statSync } from 'node:fs';
import { hostname, networkInterfaces } from 'node:os';
import { asUser } from '../../core/index.ts';
import type { Config } from '../config.ts';
import { machineNames } from '../first-start.ts';
import { StartError } from '../start-error.ts';
import { canBeRoots, type IssueResult, issueHere } from './issue.ts';

/**
 * As root for the owner of the data directory; anybody else can do it for himself alone.
 *
 * @param devices TUN devices of the server that runs
 * @param renews whether the authority is made anew
 * @returns undefined if the server shows certificates of others
 * @throws {CertificateError} @throws {StartError}
 */
export function issueByHand(config: Config, devices: readonly string[], renews: boolean): IssueResult | undefined {
  const { data, hosts, tls } = config;
  if (tls.cert.length > 0) return undefined;
  const stats = statSync(data, { throwIfNoEntry: false });
  if (stats === undefined) throw new StartError(`there is no data directory ${data}: --data DIR names another`);
  const me = process.geteuid?.();
  if (me !== 0 && me !== stats.uid) throw new StartError(`data directory ${data} is another user's: run this as root`);
  const names = hosts.length > 0 ? hosts : machineNames(hostname(), networkInterfaces, devices);
  const request = { data, names, isBound: hosts.length > 0, isStopgap: tls.acme.enabled, renews, now: Date.now() };
  if (canBeRoots(data, stats)) return issueHere({ ...request, owner: stats });
  return asUser(stats, () => issueHere({ ...request, owner: undefined }));
}
