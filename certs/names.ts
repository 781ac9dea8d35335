import { domainToASCII } from 'node:url';
import { formatIpv6, parseIpv4, parseIpv6 } from '../core/index.ts';
import { CertificateError } from './certificate-error.ts';

/** Names a certificate is made for: valid, lower case, each once, in the order given. */
export interface CheckedNames {
  /** DNS names, internationalised ones as `xn--…`; the left label may be `*`. */
  readonly dns: readonly string[];
  /** IPv4 addresses as dotted quads, IPv6 addresses as in RFC 5952. */
  readonly ip: readonly string[];
  /** The first of them all. */
  readonly first: string;
}

const REMEDY = 'say what clients dial with --host NAME';

/** Each name costs room in every TLS handshake. */
export const MOST_NAMES = 100;

/**
 * Checks the names that clients dial.
 *
 * @throws {CertificateError} naming the first refused one, or if there is none or more than 100
 */
export function checkNames(names: readonly string[]): CheckedNames {
  if (names.length > MOST_NAMES) {
    throw new CertificateError(`${names.length} names for one certificate; the most is ${MOST_NAMES}: ${REMEDY}`);
  }
  const dns = new Set<string>();
  const ip = new Set<string>();
  let first: string | undefined;
  for (const name of names) {
    const checked = checkName(name);
    first ??= checked.text;
    (checked.kind === 'ip' ? ip : dns).add(checked.text);
  }
  if (first === undefined) throw new CertificateError(`a certificate needs at least one name: ${REMEDY}`);
  return { dns: [...dns], ip: [...ip], first };
}

/** @throws {CertificateError} */
export function checkName(name: string): { readonly kind: 'dns' | 'ip'; readonly text: string } {
  const ip = canonicalIp(name);
  if (ip !== undefined) return { kind: 'ip', text: ip };
  if (name === '') throw refused(name, 'it is empty');
  // Before domainToASCII, which drops tabs and line ends without a word.
  if (/[\s\p{Cc}]/u.test(name)) throw refused(name, 'it contains white space');
  if (/:\d+$/.test(name)) throw refused(name, 'give it without the port');
  if (/[/@:]/.test(name)) throw refused(name, 'give the bare host name or IP address, not a URL, network or zone');

  const wildcard = name.startsWith('*.');
  const text = asciiDomain(wildcard ? name.slice(2) : name);
  if (wildcard && !text.includes('.'))
    throw refused(name, 'a wildcard needs two labels behind it, as in *.example.com');
  const whole = wildcard ? `*.${text}` : text;
  if (whole.length > 253) throw refused(name, 'it is longer than 253 characters');
  const labels = text.split('.');
  if (!labels.every(isLabel)) {
    throw refused(
      name,
      'labels have 1 to 63 letters, digits, hyphens (not at the ends) or underscores; * only as "*."',
    );
  }
  if (/^(\d+|0x[\da-f]*)$/.test(labels.at(-1) ?? ''))
    throw refused(name, 'it is neither a host name nor an IP address');
  return { kind: 'dns', text: whole };
}

/** The one way we write this IP address, or undefined if it is none; IPv6 also in brackets, as in a URL. */
export function canonicalIp(text: string): string | undefined {
  if (parseIpv4(text) !== undefined) return text;
  const ipv6 = parseIpv6(/^\[(.*)\]$/.exec(text)?.[1] ?? text);
  return ipv6 === undefined ? undefined : formatIpv6(ipv6);
}

/** Plain names only change case: domainToASCII would also turn numbers such as 0x7f.1 into an IPv4 address. */
function asciiDomain(name: string): string {
  const bare = name.endsWith('.') ? name.slice(0, -1) : name;
  return /^[!-~]*$/.test(bare) ? bare.toLowerCase() : domainToASCII(bare);
}

function isLabel(label: string): boolean {
  return /^(?!-)[a-z0-9_-]{1,63}(?<!-)$/.test(label);
}

function refused(name: string, why: string): CertificateError {
  return new CertificateError(`cannot put ${JSON.stringify(name.slice(0, 100))} into a certificate: ${why}; ${REMEDY}`);
}
