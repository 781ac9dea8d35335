import type { AttemptView, ReachView } from '../../../admin/index.ts';
import { examineCertificate, examineRevocation, type ServerCertificate } from '../../../certs/index.ts';
import { type Finding, placeFinding } from '../../../core/index.ts';
import { type Flood, floodView } from '../../admission/index.ts';
import type { Config } from '../../config/index.ts';
import { proxySources } from '../../config/proxy-sources.ts';
import { deviceNetwork, instanceOf, type RunUser, realDirectory } from '../../host/index.ts';
import { examineAuthority } from './authority.ts';
import { chainOf } from './certificate.ts';
import { examineOverlap } from './cipher-overlap.ts';
import { examineClock } from './clock.ts';
import { judgeDialled } from './dialled.ts';
import { examineFallback, examineFrontend, guarded, tlsOf } from './doctor.ts';
import { examineData } from './files.ts';
import { judgeFlood } from './floods.ts';
import { examineHost } from './host.ts';
import { examinePeers } from './peers.ts';
import { judgePortal } from './portal.ts';
import { examineAdminPort, examineServedPorts } from './ports.ts';
import { type FixedUser, judgeFixedAddresses, judgeReach } from './reach.ts';
import { judgeTokens } from './tokens.ts';

export interface RunningServer {
  readonly config: Config;
  readonly runUser: RunUser;
  /** What clients are shown, the one for all other names first. */
  readonly certificates: () => readonly [ServerCertificate, ...ServerCertificate[]];
  /** What clients dial. */
  readonly names: readonly string[];
  /** `ADDRESS:PORT`, those with TLS first. */
  readonly listening: () => readonly string[];
  readonly devices: readonly string[];
  readonly reach: ReachView;
  readonly users: () => Promise<readonly FixedUser[]>;
  /** What the start found of the workers' cage. */
  readonly cage: Finding;
  readonly attempts: () => readonly AttemptView[];
  /** The one that goes on, or the last one. */
  readonly flood: () => Flood | undefined;
  readonly tokens: () => Promise<Parameters<typeof judgeTokens>[0]>;
}

/** Of one certificate, what takes long to find out and stays the same. */
interface Lasting {
  readonly fingerprint: string;
  readonly findings: readonly Finding[];
}

/** The doctor within the server: it knows what is served, and has the rights that are left. */
export function runningDoctor(server: RunningServer): () => Promise<Finding[]> {
  const { config, runUser, names, devices } = server;
  const instance = instanceOf(realDirectory(config.data));
  let lasting: Lasting | undefined;
  return async () => {
    const now = new Date();
    const [first, ...others] = server.certificates();
    const { leaf } = first;
    if (lasting?.fingerprint !== leaf.fingerprint256) lasting = await examineLasting(config, first, now);
    const data = examineData(config.data, runUser);
    const endpoints = server.listening().slice(0, config.listen.length);
    const ports = (): Promise<Finding[]> =>
      examineServedPorts(endpoints, leaf.fingerprint256, proxySources(config.proxy.from));
    const host = async (): Promise<Finding[]> => {
      const pool = devices[0] === undefined ? undefined : await deviceNetwork(devices[0]);
      return examineHost({ config, pool, tuns: devices, isRunning: true, instance });
    };
    const findings = [
      ...[first, ...others].flatMap((certificate) => examineOne(certificate, config, names, now)),
      ...examineAuthority(config, runUser, names, now),
      ...lasting.findings,
      judgeDialled(config.hosts, names),
      ...(await guarded('ports', ports)),
      ...(await guarded('ports', () => examineAdminPort(config, leaf.fingerprint256))),
      ...examineFrontend(config),
      ...(await guarded('network', host)),
      ...judgeReach(server.reach),
      ...(await guarded('fixed addresses', async () => judgeFixedAddresses(await server.users()))),
      ...(await guarded('fallback', async () => examineFallback(config, runUser))),
      server.cage,
      ...judgePortal(config, names),
      ...(await guarded('API tokens', async () => [judgeTokens(await server.tokens())])),
      examinePeers(server.attempts(), config.proxy.from.length > 0),
      judgeFlood(floodView(server.flood()), now),
      ...data.findings,
      examineClock({ now, notBefore: leaf.validFromDate, newest: data.newest }),
    ];
    return findings.map((finding) => placeFinding(finding, config.data));
  };
}

function examineOne(certificate: ServerCertificate, config: Config, names: readonly string[], now: Date): Finding[] {
  const own = certificate.source === 'own-ca' ? 'running' : undefined;
  return examineCertificate(chainOf(certificate.certificatePem), { names: own ? names : config.hosts, own, now });
}

/** A handshake for each kind of client, and a question to whoever revokes certificates. */
async function examineLasting(config: Config, certificate: ServerCertificate, now: Date): Promise<Lasting> {
  const chain = chainOf(certificate.certificatePem);
  const findings = [
    await examineRevocation(chain),
    ...(await guarded('ciphers', () => examineOverlap(tlsOf(config, { chain, keyPem: certificate.keyPem }, now)))),
  ];
  return { fingerprint: certificate.leaf.fingerprint256, findings };
}
