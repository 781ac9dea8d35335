import { X509Certificate } from 'node:crypto';
import { join } from 'node:path';
import {
  type CertificateChain,
  CertificateError,
  certificateBlocks,
  checkNames,
  examineCertificate,
  readCertificateFiles,
} from '../../certs/index.ts';
import { asUser, type Finding, fine, problem, type UserIds, warning } from '../../core/index.ts';
import type { Config } from '../config.ts';
import { machineNames } from '../first-start.ts';

export interface CertificateView {
  readonly findings: readonly Finding[];
  /** Undefined if there is none yet, or none that can be read. */
  readonly served: { readonly chain: CertificateChain; readonly keyPem: string } | undefined;
}

/** The certificate as it lies in its files. Nothing is made or mended. */
export function examineFiles(config: Config, user: UserIds, isRunning: boolean, now: Date): CertificateView {
  const pairs = config.tls.cert.map((cert, index): readonly [string, string] => [cert, config.tls.key[index] ?? '']);
  if (pairs.length === 0) return examinePair(config, undefined, { user, isRunning, now });
  const views = pairs.map((pair) => examinePair(config, pair, { user, isRunning, now }));
  return { findings: views.flatMap(({ findings }) => findings), served: views[0]?.served };
}

/** @param pair the operator's files, or undefined for those of our own authority */
function examinePair(
  config: Config,
  pair: readonly [string, string] | undefined,
  { user, isRunning, now }: { readonly user: UserIds; readonly isRunning: boolean; readonly now: Date },
): CertificateView {
  const check = 'certificate files';
  const [cert, key] = pair ?? [join(config.data, 'server.pem'), join(config.data, 'server.key')];
  const isOwn = pair === undefined;
  const own = isOwn ? (isRunning ? 'running' : 'stopped') : undefined;
  const names = isOwn && config.hosts.length === 0 ? machineNames() : config.hosts;
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
    if (!isOwn) return nothing(problem(check, `${cert} or ${key} does not exist`, 'check --cert and --key'));
    checkNames(names);
    return nothing(fine(check, `none yet: the start issues one for ${names.join(', ')}, from an authority of its own`));
  } catch (error) {
    if (!(error instanceof CertificateError)) throw error;
    // Of our own, what does not fit together is issued anew.
    if (own === 'stopped') return nothing(warning(check, error.message, 'see whether the start mends it'));
    return nothing(problem(check, error.message, isOwn ? 'restart the server' : 'see --cert and --key'));
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
