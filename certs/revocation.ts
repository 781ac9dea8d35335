/** Where a certificate says that its revocation is told (RFC 5280 4.2.1.13), and whether anybody answers there. */
import type { X509Certificate } from 'node:crypto';
import type forge from 'node-forge';
import { type Finding, fine, warning } from '../core/index.ts';
import { extensionOf } from './extension.ts';

const CRL_DISTRIBUTION_POINTS = '2.5.29.31';
const CONTEXT = 0x80;
/** Tag of uniformResourceIdentifier in GeneralName, RFC 5280 4.2.1.6. */
const URI = 6;

/** The places of revocation lists that a certificate names, as they stand there; none if it names none. */
export function revocationLists(certificate: X509Certificate): string[] {
  const extension = extensionOf(certificate, CRL_DISTRIBUTION_POINTS);
  return extension === undefined ? [] : uris(extension);
}

/** Whether a place answers; undefined if it does, else why not, in a few words. */
export type Fetch = (url: string) => Promise<string | undefined>;

/**
 * Windows' client looks for a named revocation list before it goes on, and without an answer it ends with 0x80092013.
 * What can be fetched here may still be closed to a client, and the other way round, so nothing is worse than a warning.
 */
export async function examineRevocation(
  chain: readonly X509Certificate[],
  fetchList: Fetch = fetchWithLimit,
): Promise<Finding> {
  const check = 'certificate revocation';
  const urls = [...new Set(chain.flatMap(revocationLists))];
  if (urls.length === 0) return fine(check, 'it names no revocation list, so clients look for none');
  const web = urls.filter((url) => /^https?:/i.test(url));
  const fix = 'let clients reach it without the VPN, or use a certificate that names no list';
  if (web.length === 0) return warning(check, `only ${urls.join(', ')} is named, which most clients can't ask`, fix);
  const faults = await Promise.all(web.map(async (url) => ({ url, fault: await fetchList(url) })));
  const bad = faults.filter(({ fault }) => fault !== undefined);
  if (bad.length === 0) return fine(check, `${web.join(', ')} answers`);
  const list = bad.map(({ url, fault }) => `${url}: ${fault}`).join('; ');
  return warning(
    check,
    `from here a revocation list can't be had, and Windows then fails with 0x80092013 (${list})`,
    fix,
  );
}

const FETCH_MS = 5_000;

async function fetchWithLimit(url: string): Promise<string | undefined> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(FETCH_MS), redirect: 'follow' });
    await response.body?.cancel();
    return response.ok ? undefined : `status ${response.status}`;
  } catch (error) {
    const cause = (error as { cause?: { code?: unknown } }).cause?.code;
    if (error instanceof Error && error.name === 'TimeoutError') return `no answer within ${FETCH_MS / 1000} s`;
    return typeof cause === 'string' ? cause : 'no answer';
  }
}

function uris(node: forge.asn1.Asn1): string[] {
  if (Array.isArray(node.value)) return (node.value as forge.asn1.Asn1[]).flatMap(uris);
  const isUri = Number(node.tagClass) === CONTEXT && Number(node.type) === URI;
  return isUri && typeof node.value === 'string' ? [node.value] : [];
}
