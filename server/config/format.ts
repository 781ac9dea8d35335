import { isIP } from 'node:net';
import { domainToASCII } from 'node:url';
import {
  formatEndpoint,
  formatIpv4,
  formatIpv4Cidr,
  formatIpv6,
  formatIpv6Cidr,
  hostMistake,
  type Ipv4,
  type Ipv4Cidr,
  type Ipv6,
  type Ipv6Cidr,
  parseIpv4,
  parseIpv4Cidr,
  parseIpv6,
  parseIpv6Cidr,
} from '../../core/index.ts';
import type { Fallback } from '../site/index.ts';

/**
 * How the values of one kind of key are written. A value arrives as YAML gives it (scalar or list of scalars),
 * as text from the environment, or as text or a list of texts from flags: `parse` takes all of them.
 */
export interface Format<T> {
  /** What is allowed, worded to follow "must be" and to stand in the table of the documentation. */
  readonly allowed: string;
  /** @returns the value, or undefined if `raw` is not allowed. A box, because undefined is itself a value ("auto"). */
  parse(raw: unknown): { readonly value: T } | undefined;
  /** What is wrong with a value that is not allowed and what mends it, where more is known than that. */
  explain?(raw: unknown): string | undefined;
  /** The value as a user would write it. */
  show(value: T): unknown;
  /**
   * The same without the secret in it, and something that `parse` takes: who asks a running server for its configuration
   * reads what is shown again. Of a format that has this, errors show no value.
   */
  veil?(value: T): unknown;
  /** The value names a file; `read-value.ts` makes it absolute. */
  readonly isPath?: true;
  /** The same of a list. */
  readonly arePaths?: true;
}

/** A whole number from `least` to `most`; environment and flags give it as decimal digits. */
export function whole(least: number, most: number, unit = ''): Format<number> {
  return {
    allowed: `a whole number${unit === '' ? '' : ` of ${unit}`} from ${least} to ${most}`,
    parse(raw) {
      const value = typeof raw === 'string' && /^-?\d{1,15}$/.test(raw) ? Number(raw) : raw;
      return typeof value === 'number' && Number.isSafeInteger(value) && value >= least && value <= most
        ? { value }
        : undefined;
    },
    show: (value) => value,
  };
}

export const yesOrNo: Format<boolean> = {
  allowed: 'true or false',
  parse(raw) {
    if (typeof raw === 'boolean') return { value: raw };
    if (typeof raw !== 'string') return undefined;
    const text = raw.toLowerCase();
    if (text === 'true' || text === 'yes' || text === 'on' || text === '1') return { value: true };
    if (text === 'false' || text === 'no' || text === 'off' || text === '0') return { value: false };
    return undefined;
  },
  show: (value) => value,
};

/** One of a few words. */
export function oneOf<T extends string>(...words: readonly T[]): Format<T> {
  return {
    allowed: alternatives(words),
    parse(raw) {
      const value = words.find((word) => word === raw);
      return value === undefined ? undefined : { value };
    },
    show: (value) => value,
  };
}

/** Text that `pattern` matches. */
export function text(allowed: string, pattern: RegExp): Format<string> {
  return {
    allowed,
    parse: (raw) => (typeof raw === 'string' && pattern.test(raw) ? { value: raw } : undefined),
    show: (value) => value,
  };
}

/** A file or directory. */
export const path: Format<string> = { ...text('a path', /^[^\0]{1,4096}$/), isPath: true };

/** A hash in hexadecimal; colons between the bytes, as openssl prints them, are taken out. */
export function hash(bytes: number): Format<string> {
  return {
    allowed: `a hash of ${bytes} bytes in hexadecimal, with or without colons`,
    parse(raw) {
      const digits = typeof raw === 'string' ? raw.replaceAll(':', '').toLowerCase() : '';
      return /^[0-9a-f]+$/.test(digits) && digits.length === 2 * bytes ? { value: digits } : undefined;
    },
    show: (value) => value,
  };
}

/** Who answers a web browser on the VPN port. */
export const fallback: Format<Fallback> = {
  allowed: "'page', '404', a folder as an absolute path, or http://HOST[:PORT] or https://HOST[:PORT]",
  parse(raw) {
    if (raw === 'page') return { value: { kind: 'page' } };
    if (raw === '404' || raw === 404) return { value: { kind: 'not-found' } };
    if (typeof raw !== 'string') return undefined;
    if (/^\/[^\0]{0,4095}$/.test(raw)) return { value: { kind: 'directory', path: raw } };
    const url = /^https?:\/\/[^/?#@\s]+\/?$/i.test(raw) && URL.canParse(raw) ? new URL(raw).origin : undefined;
    return url === undefined ? undefined : { value: { kind: 'proxy', url } };
  },
  show(value) {
    switch (value.kind) {
      case 'page':
        return 'page';
      case 'not-found':
        return '404';
      case 'directory':
        return value.path;
      case 'proxy':
        return value.url;
      default:
        return value satisfies never;
    }
  },
};

/** A YAML list, a flag several times, or text with commas; `none` is the empty list. */
export function paths(most: number): Format<readonly string[]> {
  return {
    allowed: `'none' or a list of 1..${most} paths`,
    parse(raw) {
      const texts = pathTexts(raw);
      if (texts === undefined || texts.length > most) return undefined;
      return texts.every((text) => path.parse(text) !== undefined) ? { value: texts } : undefined;
    },
    show: (value) => value,
    arePaths: true,
  };
}

/** The paths of a list however it was written; undefined if `raw` cannot be one. A comma in an element is its own. */
export function pathTexts(raw: unknown): string[] | undefined {
  const parts: readonly unknown[] = typeof raw === 'string' ? raw.split(',').map((text) => text.trim()) : [raw].flat();
  const texts = parts.filter((part) => typeof part === 'string');
  if (texts.length < parts.length) return undefined;
  return texts.length === 1 && texts[0] === 'none' ? [] : texts;
}

/** `word` stands for undefined; everything else is left to `format`. */
export function orWord<T>(word: string, format: Format<T>): Format<T | undefined> {
  const veil = format.veil?.bind(format);
  return {
    ...format,
    allowed: `${format.allowed}, or '${word}'`,
    parse: (raw) => (raw === word || isListOf(raw, word) ? { value: undefined } : format.parse(raw)),
    show: (value) => (value === undefined ? word : format.show(value)),
    ...(veil && { veil: (value: T | undefined) => (value === undefined ? word : veil(value)) }),
  };
}

/** One thing in a list: its reader and its writer. */
export interface Item<T> {
  readonly allowed: string;
  parse(text: string): T | undefined;
  /** As that of a format. */
  explain?(text: string): string | undefined;
  show(value: T): string;
}

/** A YAML list, or text with commas; the word `none` is the empty list. Nothing may stand in it twice. */
export function list<T>(
  item: Item<T>,
  bounds: { readonly least?: number; readonly most: number },
): Format<readonly T[]> {
  const { least = 0, most } = bounds;
  return {
    allowed: `${least > 0 ? '' : "'none' or "}a list of ${least}..${most}: each ${item.allowed}, none twice`,
    parse(raw) {
      const texts = listTexts(raw);
      if (texts === undefined || texts.length < least || texts.length > most) return undefined;
      const values: T[] = [];
      const seen = new Set<string>();
      for (const text of texts) {
        const value = item.parse(text);
        if (value === undefined || seen.has(item.show(value))) return undefined;
        seen.add(item.show(value));
        values.push(value);
      }
      return { value: values };
    },
    explain(raw) {
      for (const text of listTexts(raw) ?? []) {
        const why = item.parse(text) === undefined ? item.explain?.(text) : undefined;
        if (why !== undefined) return `'${text.slice(0, 100)}' must be ${item.allowed}: ${why}`;
      }
      return undefined;
    },
    show: (values) => values.map((value) => item.show(value)),
  };
}

/** The texts of a list however it was written; undefined if `raw` cannot be a list. */
function listTexts(raw: unknown): string[] | undefined {
  const parts: readonly unknown[] = Array.isArray(raw) ? raw : [raw];
  const texts: string[] = [];
  for (const part of parts) {
    if (typeof part !== 'string' && typeof part !== 'number') return undefined;
    for (const text of String(part).split(',')) texts.push(text.trim());
  }
  return texts.length === 1 && texts[0] === 'none' ? [] : texts;
}

function isListOf(raw: unknown, word: string): boolean {
  return Array.isArray(raw) && raw.length === 1 && raw[0] === word;
}

export function word<T extends string>(...words: readonly T[]): Item<T> {
  return { allowed: alternatives(words), parse: (text) => words.find((each) => each === text), show: (value) => value };
}

/** An IPv4 address that a client can reach through the tunnel: no loopback, multicast or 0.0.0.0/8. */
export const ipv4Host: Item<Ipv4> = {
  allowed: 'an IPv4 address that clients can reach',
  parse(text) {
    const address = parseIpv4(text);
    return address !== undefined && isOrdinaryIpv4(address) ? address : undefined;
  },
  show: formatIpv4,
};

/** An IPv6 address that a client can reach: global or unique local. */
export const ipv6Host: Item<Ipv6> = {
  allowed: 'an IPv6 address that clients can reach',
  parse(text) {
    const address = parseIpv6(text);
    return address !== undefined && isOrdinaryIpv6(address) ? address : undefined;
  },
  show: formatIpv6,
};

/** A DNS name (a wildcard or an internationalised one too) or an IP address; `certs/` looks closer. */
export const hostName: Item<string> = {
  allowed: 'a DNS name or an IP address',
  parse(text) {
    if (parseIpv4(text) !== undefined) return text;
    const ipv6 = parseIpv6(text);
    if (ipv6 !== undefined) return formatIpv6(ipv6);
    if (text.length > 253 || /^[\d.]+$/.test(text)) return undefined;
    if (!/^(\*\.)?[\p{L}\p{N}\p{M}_-]{1,63}(\.[\p{L}\p{N}\p{M}_-]{1,63})*\.?$/u.test(text)) return undefined;
    // Case means nothing, nor a dot at the end (RFC 1034 §3.1).
    return text.toLowerCase().replace(/\.$/, '');
  },
  explain: (text) => hostMistake(text),
  show: (value) => value,
};

/** The name of one host, in ASCII as it comes in requests. */
export const dnsName: Format<string> = {
  allowed: 'a DNS name without a wildcard',
  parse(raw) {
    const name = typeof raw === 'string' ? hostName.parse(raw) : undefined;
    if (name === undefined || name.startsWith('*.') || isIP(name) !== 0) return undefined;
    const value = domainToASCII(name);
    return value === '' ? undefined : { value };
  },
  explain: (raw) => (typeof raw === 'string' ? hostMistake(raw) : undefined),
  show: (value) => value,
};

/** A network of either family, or one address. */
export type Network = ({ readonly family: 'ipv4' } & Ipv4Cidr) | ({ readonly family: 'ipv6' } & Ipv6Cidr);

/** `192.0.2.1`, `10.0.0.0/8`, `2001:db8::/32`. */
export const network: Item<Network> = {
  allowed: 'an IP address or a network such as 10.0.0.0/8, without host bits',
  parse(text) {
    const isNetwork = text.includes('/');
    const ipv4 = parseIpv4Cidr(isNetwork ? text : `${text}/32`);
    if (ipv4 !== undefined) return { family: 'ipv4', ...ipv4 };
    const ipv6 = parseIpv6Cidr(isNetwork ? text : `${text}/128`);
    return ipv6 === undefined ? undefined : { family: 'ipv6', ...ipv6 };
  },
  show: (value) => (value.family === 'ipv4' ? formatIpv4Cidr(value) : formatIpv6Cidr(value)),
};

/** `tcp/22`, `udp/123`, `icmp`. */
const hostService: Item<HostService> = {
  allowed: 'tcp/PORT, udp/PORT (1 to 65535) or icmp',
  parse(text) {
    if (text === 'icmp') return { protocol: 'icmp', port: undefined };
    const [, protocol, digits] = /^(tcp|udp)\/([1-9]\d{0,4})$/.exec(text) ?? [];
    const port = Number(digits);
    if ((protocol !== 'tcp' && protocol !== 'udp') || port > 65_535) return undefined;
    return { protocol, port };
  },
  show: ({ protocol, port }) => (port === undefined ? protocol : `${protocol}/${port}`),
};

const hostServices = list(hostService, { most: 64 });

/** A port of this host, or all kinds of ICMP. */
export type HostService =
  | { readonly protocol: 'tcp' | 'udp'; readonly port: number }
  | { readonly protocol: 'icmp'; readonly port: undefined };

/** `all`, or these alone; none if the list is empty. */
export type HostAccess = 'all' | readonly HostService[];

/** What clients reach on this host. */
export const hostAccess: Format<HostAccess> = {
  ...hostServices,
  allowed: `'all', ${hostServices.allowed}`,
  parse: (raw) => (raw === 'all' || isListOf(raw, 'all') ? { value: 'all' } : hostServices.parse(raw)),
  show: (value) => (value === 'all' ? value : value.length === 0 ? 'none' : hostServices.show(value)),
};

/** A network for fixed addresses of users. */
export const fixedNetwork: Item<Ipv4Cidr> = {
  allowed: 'an IPv4 network such as 10.20.40.0/24 for clients, without host bits: no loopback, link-local or multicast',
  parse(text) {
    const value = parseIpv4Cidr(text.includes('/') ? text : `${text}/32`);
    if (value === undefined || value.prefixLength < 8) return undefined;
    return isOrdinaryIpv4(value.address) && value.address >>> 16 !== 0xa9fe ? value : undefined;
  },
  show: formatIpv4Cidr,
};

/** Where to listen; `host` undefined is every address of the machine, IPv4 and IPv6. */
export interface ListenAddress {
  readonly host: string | undefined;
  readonly port: number;
}

/** `443`, `*:443`, `192.0.2.1:443`, `[2001:db8::1]:443`; port 0 lets the kernel choose. */
export const listenAddress: Item<ListenAddress> = {
  allowed: '[ADDRESS:]PORT (IPv6 in brackets, port 0 to 65535)',
  parse(text) {
    const match = /^(?:(\*|[\d.]+|\[[^\]]+\]):)?(\d{1,5})$/.exec(text);
    const port = Number(match?.[2]);
    if (match === null || port > 65_535) return undefined;
    const address = match[1];
    if (address === undefined || address === '*') return { host: undefined, port };
    if (!address.startsWith('[')) return parseIpv4(address) === undefined ? undefined : { host: address, port };
    const ipv6 = parseIpv6(address.slice(1, -1));
    return ipv6 === undefined ? undefined : { host: formatIpv6(ipv6), port };
  },
  show({ host, port }) {
    if (host === undefined) return `${port}`;
    return formatEndpoint(host, port);
  },
};

/** A listener on one address; `0.0.0.0` and `::` are all. */
export interface Endpoint {
  readonly host: string;
  readonly port: number;
}

/** `127.0.0.1:8443`, `[::1]:8443`: with the address, so that nobody opens to the world what is for one machine. */
export const endpoint: Format<Endpoint> = {
  allowed: 'ADDRESS:PORT (IPv6 in brackets; 0.0.0.0 or [::] is all addresses)',
  parse(raw) {
    const place = typeof raw === 'string' ? listenAddress.parse(raw) : undefined;
    return place?.host === undefined ? undefined : { value: { host: place.host, port: place.port } };
  },
  show: (value) => listenAddress.show(value),
};

/** Without a name and password, which would show wherever the configuration does. */
const webhookUrl: Item<string> = {
  allowed: 'an http:// or https:// URL without a user name',
  parse: (text) => (/^https?:\/\/[^\s"'<>@,]{1,2000}$/.test(text) && URL.canParse(text) ? text : undefined),
  show: (value) => value,
};

/** Many receivers ask for nothing but the right path or query, so these are shown to nobody. */
export const webhookUrls: Format<readonly string[]> = {
  ...list(webhookUrl, { most: 8 }),
  veil: (urls) =>
    urls.map((url) => {
      const { origin } = new URL(url);
      return url === origin ? url : `${origin}/…`;
    }),
};

/** A pool needs room for the server and a client (/30); more than a /8 is a typing mistake. */
export const ipv4Pool: Format<Ipv4Cidr> = {
  allowed: 'an IPv4 network such as 10.20.30.0/24, /8 to /30, without host bits',
  parse(raw) {
    const value = typeof raw === 'string' ? parseIpv4Cidr(raw) : undefined;
    if (value === undefined || value.prefixLength < 8 || value.prefixLength > 30) return undefined;
    return isOrdinaryIpv4(value.address) ? { value } : undefined;
  },
  show: formatIpv4Cidr,
};

/** Each client gets a /64 of its own, since SLAAC works with nothing longer (RFC 4862 5.5.3, RFC 4291 2.5.1). */
export const ipv6Pool: Format<Ipv6Cidr> = {
  allowed: 'an IPv6 network such as fd12:3456:789a::/48, /33 to /63 (each client gets a /64 of it), without host bits',
  parse(raw) {
    const value = typeof raw === 'string' ? parseIpv6Cidr(raw) : undefined;
    if (value === undefined || value.prefixLength < 33 || value.prefixLength > 63) return undefined;
    return isOrdinaryIpv6(value.address) ? { value } : undefined;
  },
  show: formatIpv6Cidr,
};

/** Not 0.0.0.0/8, 127.0.0.0/8, nor multicast and what is above it (RFC 6890, RFC 5771). */
function isOrdinaryIpv4(address: Ipv4): boolean {
  const first = address >>> 24;
  return first !== 0 && first !== 127 && first < 224;
}

/** Global unicast 2000::/3 (RFC 4291 2.4) or unique local fc00::/7 (RFC 4193). */
function isOrdinaryIpv6(address: Ipv6): boolean {
  const first = address[0] ?? 0;
  return (first & 0xe0) === 0x20 || (first & 0xfe) === 0xfc;
}

function alternatives(words: readonly string[]): string {
  const quoted = words.map((each) => `'${each}'`);
  return quoted.length < 2 ? quoted.join('') : `${quoted.slice(0, -1).join(', ')} or ${quoted.at(-1)}`;
}
