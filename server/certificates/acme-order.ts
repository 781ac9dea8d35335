/** One certificate from an ACME authority, RFC 8555, through the library acme-client. */
import { generateKeyPair } from 'node:crypto';
import { promisify } from 'node:util';
import type { Client } from 'acme-client';
import { CertificateError } from '../../certs/index.ts';
import type { Config } from '../config/index.ts';

type AcmeLibrary = typeof import('acme-client');
export type AcmeConfig = Config['tls']['acme'];

/** How the authority is shown that the names are ours. Each is in place when its promise resolves. */
export interface Proofs {
  /** RFC 8737: the certificate to show for `name` to who asks for the protocol acme-tls/1. */
  showChallenge(name: string, challenge: { readonly certificatePem: string; readonly keyPem: string }): Promise<void>;
  hideChallenge(name: string): Promise<void>;
  /** RFC 8555 8.3: what a GET for `token` answers. */
  serveToken(token: string, content: string): Promise<void>;
  removeToken(token: string): Promise<void>;
}

export interface Order {
  readonly config: AcmeConfig;
  /** DNS names. */
  readonly names: readonly string[];
  /** PEM; the account is made with the first order. */
  readonly accountKeyPem: string;
  readonly proofs: Proofs;
}

/** Whole answers, however long a chain or slow an authority. */
const REQUEST_MS = 60_000;

/** An authority is asked for progress after 1 s, 2 s, 4 s and so on, at most every 30 s: for five minutes in all. */
const FIRST_POLL_MS = 1_000;
const MOST_POLLS = 14;

/** To be called while modules may still be read. */
export async function loadAcmeLibrary(): Promise<AcmeLibrary> {
  const { default: library } = await import('acme-client');
  const { axios } = library;
  axios.defaults.timeout = REQUEST_MS;
  axios.defaults.maxContentLength = 1_048_576;
  // The library's own repetition hides what went wrong, and its waits could be any length; ours come with a log line.
  axios.interceptors.response.clear();
  axios.interceptors.response.use(undefined, (error) => error.response ?? Promise.reject(error));
  return library;
}

/** @returns RSA, which each client knows, and the chain as PEM @throws {CertificateError} one line that says why there is none */
export async function orderCertificate(
  library: AcmeLibrary,
  order: Order,
): Promise<{ certificatePem: string; keyPem: string }> {
  const { config, names } = order;
  const challenges = { made: 0 };
  const account = { directoryUrl: config.directory, accountKey: order.accountKeyPem };
  const client = new library.Client({ ...account, backoffAttempts: MOST_POLLS, backoffMin: FIRST_POLL_MS });
  const keyPem = await makeKey('rsa');
  const [, csr] = await library.crypto.createCsr({ altNames: [...names] }, keyPem);
  try {
    const certificatePem = await client.auto({
      csr,
      termsOfServiceAgreed: config.agreeTos,
      ...(config.email === undefined ? {} : { email: config.email }),
      challengePriority: [config.challenge],
      // From here the names may lead elsewhere than from the authority.
      skipChallengeVerification: true,
      ...challengeFunctions(library, order, challenges),
    });
    return { certificatePem, keyPem };
  } catch (error) {
    throw new CertificateError(`ACME: ${explain(error, order, challenges.made > 0)}`, { cause: error });
  }
}

/** PKCS #8 as PEM, not encrypted. */
export async function makeKey(type: 'rsa' | 'ec'): Promise<string> {
  const { privateKey } =
    type === 'rsa'
      ? await promisify(generateKeyPair)('rsa', { modulusLength: 2048 })
      : await promisify(generateKeyPair)('ec', { namedCurve: 'P-256' });
  return privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
}

type AutoOptions = Parameters<Client['auto']>[0];

function challengeFunctions(
  library: AcmeLibrary,
  { config, proofs }: Order,
  challenges: { made: number },
): Pick<AutoOptions, 'challengeCreateFn' | 'challengeRemoveFn'> {
  return {
    async challengeCreateFn(authz, challenge, keyAuthorization) {
      const name = authz.identifier.value;
      if (challenge.type !== config.challenge)
        throw new Error(`the authority offers no ${config.challenge} for ${name}`);
      challenges.made += 1;
      if (config.challenge === 'http-01') {
        await proofs.serveToken(challenge.token, keyAuthorization);
        return;
      }
      const [key, certificate] = await library.crypto.createAlpnCertificate(authz, keyAuthorization);
      await proofs.showChallenge(name, { certificatePem: String(certificate), keyPem: String(key) });
    },
    async challengeRemoveFn(authz, challenge) {
      if (challenge.type === 'http-01') await proofs.removeToken(challenge.token);
      else await proofs.hideChallenge(authz.identifier.value);
    },
  };
}

const UNTRUSTED = new Set([
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
]);

/** What the operator can do about it. Text of the authority is cut to one clean line. */
function explain(error: unknown, { config, names }: Order, wasChallenged: boolean): string {
  const { code, message } = error as Error & { code?: unknown };
  const { directory, challenge } = config;
  if (typeof code === 'string' && UNTRUSTED.has(code)) {
    return `the certificate of ${directory} is not trusted (${code}): name the file of its root in NODE_EXTRA_CA_CERTS`;
  }
  if (isOfNetwork(error)) {
    return `${directory} can't be reached (${String(code ?? message)}): check the network, and tls.acme.directory`;
  }
  if (code === 'ERR_LISTEN') return message;
  const text = String(message)
    .replace(/[^ -~]+/g, ' ')
    .slice(0, 500);
  const port = challenge === 'http-01' ? 80 : 443;
  const hint = wasChallenged ? ` (port ${port} of ${names.join(', ')} must lead here from the internet)` : '';
  return `no certificate from ${directory}: ${text}${hint}`;
}

function isOfNetwork(error: unknown): boolean {
  return error instanceof Error && 'isAxiosError' in error && !('response' in error && error.response !== undefined);
}
