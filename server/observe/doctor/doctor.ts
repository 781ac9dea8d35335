/** Everything that decides whether a client could connect, looked at without a change to anything. */
import type { X509Certificate } from 'node:crypto';
import { hostname, networkInterfaces } from 'node:os';
import type { FloodView, ReachView, UserView } from '../../../admin/index.ts';
import {
  allNames,
  createAuthority,
  examineCertificate,
  examineRevocation,
  type ServerCertificate,
} from '../../../certs/index.ts';
import {
  type Finding,
  fine,
  formatEndpoint,
  formatIpv4Cidr,
  type Ipv4Cidr,
  isOperatorError,
  type Log,
  parseIpv4,
  placeFinding,
  problem,
  warning,
} from '../../../core/index.ts';
import { availableCongestionControls } from '../../../datapath/index.ts';
import { createServerTls } from '../../../tls/index.ts';
import { type CageLayers, Capability, hasCapability } from '../../../tun/index.ts';
import { placesOf } from '../../config/derived.ts';
import type { Config } from '../../config/index.ts';
import { proxySources } from '../../config/proxy-sources.ts';
import {
  checkFallback,
  chooseRunUser,
  deviceCount,
  deviceName,
  deviceNetwork,
  examineCage,
  instanceOf,
  machineNames,
  planAddresses,
  type RunUser,
  realDirectory,
  uplink,
} from '../../host/index.ts';
import { examineAuthority } from './authority.ts';
import { chainOf, examineFiles } from './certificate.ts';
import { examineOverlap } from './cipher-overlap.ts';
import { judgeClientsIpv6 } from './clients-ipv6.ts';
import { examineClock } from './clock.ts';
import { judgeDialled } from './dialled.ts';
import { examineData } from './files.ts';
import { judgeFlood } from './floods.ts';
import { examineHost, judgeCongestion, judgeMtu } from './host.ts';
import { examinePeers } from './peers.ts';
import { judgePortal } from './portal.ts';
import { examineAdminPort, examineFreePorts, examineServedPorts } from './ports.ts';
import { type FixedUser, judgeFixedAddresses, judgeReach } from './reach.ts';
import { judgeTokens } from './tokens.ts';
import { examineSharing } from './user-sharing.ts';

export interface DoctorOptions {
  readonly config: Config;
  /** What a server that runs with this configuration says of itself. */
  readonly running?:
    | {
        readonly pid: number;
        readonly listening: readonly string[];
        readonly devices: readonly string[];
        readonly tokens: Parameters<typeof judgeTokens>[0];
        readonly reach: ReachView;
        readonly users: readonly UserView[];
        readonly cage: CageLayers;
        readonly flood?: FloodView | undefined;
        /** The newest ones. */
        readonly attempts: Parameters<typeof examinePeers>[0];
      }
    | undefined;
}

/** Whether a server with these findings serves clients: warnings are allowed. */
export function wouldWork(findings: readonly Finding[]): boolean {
  return findings.every(({ result }) => result !== 'problem');
}

export async function examineServer(options: DoctorOptions): Promise<Finding[]> {
  const findings = await examineAll(options);
  return findings.map((finding) => placeFinding(finding, options.config.data));
}

async function examineAll({ config, running }: DoctorOptions): Promise<Finding[]> {
  const now = new Date();
  const isRunning = running !== undefined;
  const findings: Finding[] = [];
  const examine = async (check: string, work: () => Promise<readonly Finding[]>): Promise<void> => {
    findings.push(...(await guarded(check, work)));
  };
  await examine('rights', async () => [examineRights()]);
  const user = await runUserOf(config, findings);

  const { findings: found, served } = examineFiles(config, { user, devices: running?.devices, now });
  findings.push(...found, ...examineAuthority(config, user, wantedNames(config, running?.devices), now));
  if (served !== undefined) findings.push(await examineRevocation(served.chain));
  const names = namesOf(config, served?.chain[0], running?.devices);
  findings.push(judgeDialled(config.hosts, names));
  await examine('ciphers', () => examineOverlap(tlsOf(config, served, now)));
  await examine('ports', () =>
    running === undefined
      ? examineFreePorts(placesOf(config), config.admin.listen === undefined ? [] : [config.admin.listen])
      : examineServedPorts(
          // Those without TLS come last.
          running.listening.slice(0, config.listen.length),
          served?.chain[0].fingerprint256,
          proxySources(config.proxy.from),
        ),
  );
  if (isRunning) await examine('ports', () => examineAdminPort(config, served?.chain[0].fingerprint256));
  findings.push(...examineFrontend(config));
  const pool = await poolOf(config, running?.devices[0], findings);
  findings.push(judgeClientsIpv6(config));
  const tuns = running?.devices ?? devicesToBe(config);
  const instance = instanceOf(realDirectory(config.data));
  await examine('network', () => examineHost({ config, pool, tuns, isRunning, instance }));
  if (running !== undefined)
    findings.push(...judgeReach(running.reach), ...judgeFixedAddresses(fixedUsers(running.users)));
  await examine('fallback', async () => examineFallback(config, user));
  findings.push(examineCage(config, running?.cage));
  findings.push(...judgePortal(config, names));
  if (running !== undefined) {
    const hasProxy = config.proxy.from.length > 0;
    findings.push(
      judgeTokens(running.tokens),
      examinePeers(running.attempts, hasProxy),
      judgeFlood(running.flood, now),
    );
  }
  const data = examineData(config.data, user);
  findings.push(...data.findings, ...examineOthers(config, user, running === undefined ? [] : [running.pid]));
  findings.push(examineClock({ now, notBefore: served?.chain[0].validFromDate, newest: data.newest }));
  return findings;
}

/**
 * What a start does not say by itself, of what can be told at once.
 *
 * @returns the warnings and problems alone
 */
export async function examineStart(options: {
  readonly config: Config;
  readonly certificate: ServerCertificate;
  readonly names: readonly string[];
  readonly runUser: RunUser;
  readonly tokens: Parameters<typeof judgeTokens>[0];
}): Promise<Finding[]> {
  const { config, certificate, runUser } = options;
  const now = new Date();
  const chain = chainOf(certificate.certificatePem);
  const own = certificate.source === 'own-ca' ? 'running' : undefined;
  const names = own === undefined ? config.hosts : options.names;
  const data = examineData(config.data, runUser);
  const overlap = await examineOverlap(tlsOf(config, { chain, keyPem: certificate.keyPem }, now));
  const findings = [
    ...examineCertificate(chain, { names, own, now }),
    ...examineAuthority(config, runUser, options.names, now),
    // A client that must be changed in any case would be spoken of at each start.
    ...overlap.filter(({ fix }) => fix?.startsWith('on the router') !== true),
    ...examineFrontend(config),
    judgeDialled(config.hosts, options.names),
    ...judgePortal(config, options.names),
    judgeTokens(options.tokens),
    judgeClientsIpv6(config),
    judgeMtu(config.network.mtu, await uplink()),
    judgeCongestion(config.tcp.congestion, availableCongestionControls()),
    ...data.findings,
    ...examineOthers(config, runUser, [process.pid]),
    examineClock({ now, notBefore: chain[0].validFromDate, newest: data.newest }),
  ];
  return findings.filter(({ result }) => result !== 'ok');
}

/** Whether a revocation list can be had is said when it is known: a start does not wait for other machines. */
export async function examineRevocationLater(certificate: ServerCertificate, log: Log): Promise<void> {
  const { result, check, text, fix } = await examineRevocation(chainOf(certificate.certificatePem));
  if (result !== 'ok') log.warn('doctor.finding', { check, text, fix });
}

/** In the words of the notes that a start prints. */
export function asRemark({ check, text, fix }: Finding): string {
  return `WARNING: ${check}: ${text}${fix === undefined ? '' : `; ${fix}`}`;
}

/** What an operator can mend is a finding. */
export async function guarded(check: string, work: () => Promise<readonly Finding[]>): Promise<readonly Finding[]> {
  try {
    return await work();
  } catch (error) {
    if (!isOperatorError(error)) throw error;
    const [text = error.message, ...remedy] = error.message.split(/: (?=[^:]*$)/);
    return [problem(check, text, remedy.join(': ') || 'see docs/doctor.md')];
  }
}

function examineRights(): Finding {
  if (hasCapability(Capability.NetAdmin)) return fine('rights', 'a TUN device may be made (CAP_NET_ADMIN)');
  return problem(
    'rights',
    'the right to make a TUN device is missing (CAP_NET_ADMIN)',
    'run it as root, for example with sudo',
  );
}

/** What is said there is what users log in with, for all to read who are on the way. */
export function examineFrontend({ frontend }: Pick<Config, 'frontend'>): Finding[] {
  return frontend.listen.map((place) => {
    const shown = formatEndpoint(place.host ?? '*', place.port);
    const check = `port without TLS ${shown}`;
    const isLocal = place.host !== undefined && /^(?:127\.|::1$)/.test(place.host);
    if (isLocal)
      return fine(check, `only this machine reaches it; certificate in front: SHA-256 ${frontend.certSha256}`);
    const text = 'whoever reaches it speaks with the server without TLS';
    return warning(
      check,
      text,
      'listen on a loopback address (offload.listen), or let only the program in front reach it',
    );
  });
}

export function examineFallback(config: Config, user: RunUser): Finding[] {
  const { fallback } = config.http;
  if (fallback.kind !== 'directory') return [];
  checkFallback(config, user);
  return [fine('fallback', `${fallback.path} can be read by user id ${user.uid}`)];
}

/** Who is not root looks from among those who run as the same user: commands beside the server, for one. */
function examineOthers(config: Config, user: RunUser, servers: readonly number[]): Finding[] {
  return process.getuid?.() === 0 ? examineSharing(user, config.data, servers) : [];
}

/** What a start has the own certificate issued for. */
function wantedNames({ hosts }: Config, devices?: readonly string[]): readonly string[] {
  return hosts.length > 0 ? hosts : machineNames(hostname(), networkInterfaces, { tunnels: devices ?? [] });
}

/** What a client may dial: what is on the certificate that is there, else what a start would put on one. */
function namesOf(config: Config, leaf: X509Certificate | undefined, devices?: readonly string[]): readonly string[] {
  if (leaf !== undefined) return allNames(leaf);
  return wantedNames(config, devices);
}

async function runUserOf(config: Config, findings: Finding[]): Promise<RunUser> {
  try {
    return chooseRunUser(config.run.user, config.data);
  } catch (error) {
    if (!isOperatorError(error)) throw error;
    findings.push(problem('run.user', error.message, 'see run.user'));
    return chooseRunUser('', config.data);
  }
}

function fixedUsers(users: readonly UserView[]): FixedUser[] {
  return users.map(({ name, ipv4, ipv4Fault }) => ({ name, ipv4: parseIpv4(ipv4 ?? ''), fault: ipv4Fault }));
}

/** Without a certificate yet, one for the moment stands in: the first one is RSA too. */
export function tlsOf(
  config: Config,
  served: { readonly chain: readonly { toString(): string }[]; readonly keyPem: string } | undefined,
  now: Date,
): ReturnType<typeof createServerTls> {
  const { minVersion, ciphers } = config.tls;
  const shown =
    served === undefined
      ? createAuthority({ commonName: 'sstpd doctor', now })
      : { certificatePem: served.chain.map(String).join(''), keyPem: served.keyPem };
  return createServerTls(shown, { minVersion, ...(ciphers === undefined ? {} : { ciphers }) });
}

/** The names that a start gives to devices where no other program has devices of such names. */
function devicesToBe(config: Config): string[] {
  const pattern = config.network.tun;
  return Array.from({ length: deviceCount(config) }, (_, i) => deviceName(pattern, i).replace('%d', String(i)));
}

async function poolOf(config: Config, device: string | undefined, findings: Finding[]): Promise<Ipv4Cidr | undefined> {
  if (device !== undefined) return deviceNetwork(device);
  try {
    const { cidr, dns } = await planAddresses(config);
    findings.push(fine('address pool', `${formatIpv4Cidr(cidr)} overlaps no network of this host`));
    if (dns.length === 0 && config.dns === undefined) {
      findings.push(warning('DNS', 'this host has no resolver besides loopback, so clients get none', '--dns IP'));
    }
    return cidr;
  } catch (error) {
    if (!isOperatorError(error)) throw error;
    findings.push(problem('address pool', error.message, '--pool CIDR'));
    return undefined;
  }
}
