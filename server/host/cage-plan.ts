/** Which cage the workers of a configuration get on this machine, and what an operator is told of it. */
import { type Finding, fine, problem, StartError, warning } from '../../core/index.ts';
import { type CageLayers, NO_CAGE } from '../../tun/index.ts';
import type { Config } from '../config/index.ts';
import { type CageProbe, probeCage } from './cage.ts';

interface ProbeAsTold extends CageProbe {
  readonly heldDownTo?: number | undefined;
}

/** How a worker is shut in. */
export interface CagePlan {
  readonly layers: CageLayers;
  /** What it has to read besides its program: files, and folders with all below them. */
  readonly reads: readonly string[];
}

/** What a start decides once for all workers. */
export interface Cage extends CagePlan {
  readonly finding: Finding;
  /** Whether a worker opens files by their names while it serves. */
  readonly opensFiles: boolean;
}

/** ABIs of Landlock that bring what the cage uses, with the kernels that have them. */
const ADDED = [
  { abi: 3, what: 'truncation', kernel: '6.2' },
  { abi: 4, what: 'TCP', kernel: '6.7' },
  { abi: 5, what: 'devices', kernel: '6.10' },
  { abi: 6, what: 'signals and abstract sockets', kernel: '6.12' },
] as const;

/** Where other programs on this machine look for authorities that they trust; with `http.fallback` another server. */
const TRUSTED = ['/etc/ssl/certs', '/usr/share/ca-certificates', '/usr/local/share/ca-certificates', '/etc/pki'];
const TRUSTED_VARIABLES = ['NODE_EXTRA_CA_CERTS', 'SSL_CERT_FILE', 'SSL_CERT_DIR'];

/** @throws {StartError} if `run.cage` asks for more than there is */
export function planCage(config: Config, environment: NodeJS.ProcessEnv = process.env): Cage {
  const { fallback } = config.http;
  const opensFiles = fallback.kind === 'directory';
  const common = { reads: readsOf(fallback, environment), opensFiles };
  if (config.run.workers === 0 || config.run.cage === 'off') {
    return { layers: NO_CAGE, finding: judgeCage(config, undefined), ...common };
  }
  const probe = probeAsTold(environment);
  const finding = judgeCage(config, probe);
  if (finding.result === 'problem') throw new StartError(`run.cage: ${finding.text}: ${finding.fix}`);
  return { layers: { landlock: probe.landlock, seccomp: probe.seccomp }, finding, ...common };
}

/**
 * The doctor's look at it.
 *
 * @param running what a server that runs says of its own: a service or container may be let less than who asks
 */
export function examineCage(
  config: Config,
  running?: CageLayers,
  environment: NodeJS.ProcessEnv = process.env,
): Finding {
  if (config.run.workers === 0 || config.run.cage === 'off') return judgeCage(config, undefined);
  if (running === undefined) return judgeCage(config, probeAsTold(environment));
  const { landlock, seccomp } = running;
  const refused = 'not to be had where the server runs';
  const probe = probeCage();
  return judgeCage(config, {
    ...{ landlock, seccomp },
    landlockError: landlock > 0 ? undefined : (probe.landlockError ?? refused),
    seccompError: seccomp ? undefined : (probe.seccompError ?? refused),
  });
}

/** @param probe undefined: no cage is wanted */
export function judgeCage({ run, http }: Pick<Config, 'run' | 'http'>, probe: ProbeAsTold | undefined): Finding {
  const check = 'cage';
  if (probe === undefined) {
    const [text, fix] =
      run.workers === 0
        ? ['this process, which has users and keys, carries the connections itself', 'run.workers: auto']
        : ['nothing but the user id confines the workers', 'run.cage: auto'];
    return warning(check, text, fix);
  }
  const { landlock, seccomp, landlockError, seccompError, heldDownTo } = probe;
  const missing = [
    ...(landlock === 0 && landlockError !== undefined ? [`Landlock (${landlockError})`] : []),
    ...(heldDownTo === undefined ? [] : [`Landlock beyond ABI ${heldDownTo} (SSTPD_CAGE_ABI, which is for tests)`]),
    ...(seccomp ? [] : [`seccomp (${seccompError})`]),
  ];
  if (missing.length === 0)
    return fine(check, `workers are shut in by Landlock, ABI ${landlock}${lackOf(landlock)}, and seccomp`);
  const left = seccomp
    ? `seccomp shuts them in: ${leftOpen(http)}`
    : landlock > 0
      ? `Landlock, ABI ${landlock}, does`
      : 'nothing does';
  const text = `missing for the workers' cage: ${missing.join(' and ')}; ${left}`;
  const fix =
    'a kernel from 5.13 on that has Landlock in its list lsm=, and a container or service that lets it be used: ' +
    'see docs/security.md';
  return run.cage === 'require' ? problem(check, text, fix) : warning(check, text, fix);
}

function leftOpen({ fallback }: Config['http']): string {
  if (fallback.kind === 'directory')
    return 'with the folder of http.fallback to be read, they can read all files that their user may';
  return 'they open no file and make no connection once they are ready';
}

function lackOf(landlock: number): string {
  const lacking = ADDED.filter(({ abi }) => abi > landlock).map(({ what, kernel }) => `${what} (Linux ${kernel})`);
  return lacking.length === 0 ? '' : ` (without its rules for ${lacking.join(', ')}: there seccomp alone forbids it)`;
}

function readsOf(fallback: Config['http']['fallback'], environment: NodeJS.ProcessEnv): string[] {
  if (fallback.kind === 'directory') return [fallback.path];
  if (!speaksTls(fallback)) return [];
  return [...TRUSTED, ...TRUSTED_VARIABLES.flatMap((name) => environment[name] || [])];
}

function speaksTls(fallback: Config['http']['fallback']): boolean {
  return fallback.kind === 'proxy' && fallback.url.startsWith('https:');
}

/**
 * What a worker has of the variables. It reads the file of authorities only where `readsOf` lets it; elsewhere Node would
 * warn of it in each.
 */
export function workerEnvironment(
  { fallback }: Pick<Config['http'], 'fallback'>,
  environment: NodeJS.ProcessEnv = process.env,
): NodeJS.ProcessEnv {
  if (speaksTls(fallback)) return environment;
  const { NODE_EXTRA_CA_CERTS: _unread, ...others } = environment;
  return others;
}

/** For tests, a cage as an older kernel would give it: said as something that is missing, and nothing for `require`. */
function probeAsTold({ SSTPD_CAGE_ABI: most }: NodeJS.ProcessEnv): ProbeAsTold {
  const heldDownTo = most !== undefined && /^\d{1,4}$/.test(most) ? Number(most) : undefined;
  return { ...probeCage(heldDownTo), heldDownTo };
}
