import { X509Certificate } from 'node:crypto';
import { hostname, networkInterfaces } from 'node:os';
import { join } from 'node:path';
import {
  type CertificateChain,
  CertificateError,
  certificateBlocks,
  checkNames,
  examineCertificate,
  readCertificateFiles,
} from '../../../certs/index.ts';
import { asUser, type Finding, fine, problem, type UserIds, warning } from '../../../core/index.ts';
import { readAcmeCertificate } from '../../certificates/index.ts';
import type { Config } from '../../config/index.ts';
import { machineNames } from '../../host/index.ts';

export interface CertificateView {
  readonly findings: readonly Finding[];
  /** Undefined if there is none yet, or none that can be read. */
  readonly served: { readonly chain: CertificateChain; readonly keyPem: string } | undefined;
}

interface Moment {
  readonly user: UserIds;
  /** TUN devices of the server that runs; undefined: none does. */
  readonly devices: readonly string[] | undefined;
  readonly now: Date;
}

const CHECK = 'certificate files';

/** The certificate as it lies in its files. Nothing is made or mended. */
export function examineFiles(config: Config, moment: Moment): CertificateView {
  const pairs = config.tls.cert.map((cert, index): readonly [string, string] => [cert, config.tls.key[index] ?? '']);
  if (pairs.length === 0) {
    return config.tls.acme.enabled ? examineAcme(config, moment) : examinePair(config, undefined, moment);
  }
  const views = pairs.map((pair) => examinePair(config, pair, moment));
  return { findings: views.flatMap(({ findings }) => findings), served: views[0]?.served };
}

/** @param pair the operator's files, or undefined for those of our own authority */
function examinePair(
  config: Config,
  pair: readonly [string, string] | undefined,
  { user, devices, now }: Moment,
): CertificateView {
  const [cert, key] = pair ?? [join(config.data, 'server.pem'), join(config.data, 'server.key')];
  const isOwn = pair === undefined;
  const own = isOwn ? (devices === undefined ? 'stopped' : 'running') : undefined;
  const names =
    isOwn && config.hosts.length === 0
      ? machineNames(hostname(), networkInterfaces, { tunnels: devices ?? [] })
      : config.hosts;
  try {
    const read = (): ReturnType<typeof readCertificateFiles> => readCertificateFiles(cert, key);
    const files = isOwn ? asUser(user, read) : read();
    if (files !== undefined) {
      const { chain, key: privateKey, keyMode } = files;
      const open = !isOwn && (keyMode & 0o007) !== 0;
      const modes = open ? [warning('file modes', `${key} can be read by every user`, `chmod 600 ${key}`)] : [];
      return {
        findings: [...examineCertificate(chain, { names, own, now }), ...modes],
        served: { chain, keyPem: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString() },
      };
    }
    if (!isOwn) return nothing(problem(CHECK, `${cert} or ${key} does not exist`, 'check --cert and --key'));
    checkNames(names);
    return nothing(fine(CHECK, `none yet: the start issues one for ${names.join(', ')}, from an authority of its own`));
  } catch (error) {
    if (!(error instanceof CertificateError)) throw error;
    // Of our own, what does not fit together is issued anew.
    if (own === 'stopped') return nothing(warning(CHECK, error.message, 'see whether the start mends it'));
    return nothing(problem(CHECK, error.message, isOwn ? 'restart the server' : 'see --cert and --key'));
  }
}

/** Of the authority, from an earlier order; what can't be served is ordered anew. */
function examineAcme(config: Config, { user, now }: Moment): CertificateView {
  const { directory } = config.tls.acme;
  const meanwhile = "until then clients are shown the own authority's";
  try {
    const stored = asUser(user, () => readAcmeCertificate(config, now));
    if (stored === undefined)
      return nothing(fine(CHECK, `none yet: the start orders one from ${directory}; ${meanwhile}`));
    const chain = chainOf(stored.certificatePem);
    const findings = examineCertificate(chain, { names: config.hosts, own: undefined, now });
    return { findings, served: { chain, keyPem: stored.keyPem } };
  } catch (error) {
    if (!(error instanceof CertificateError)) throw error;
    return nothing(warning(CHECK, error.message, `see that ${directory} issues a new one; ${meanwhile}`));
  }
}

function nothing(finding: Finding): CertificateView {
  return { findings: [finding], served: undefined };
}

/** @param pem at least one certificate, leaf first */
export function chainOf(pem: string): CertificateChain {
  const [leaf = '', ...rest] = certificateBlocks(pem);
  return [new X509Certificate(leaf), ...rest.map((block) => new X509Certificate(block))];
}
