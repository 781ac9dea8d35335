import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { formatIpv4, formatIpv6, fs, type Ipv4, parseIpv4, parseIpv6 } from '../core/index.ts';
import type { Ipv4Wish } from '../ppp/index.ts';
import type { ClientAddresses } from './sstp-client.ts';

/** A server that has got more resolvers since must have a chance to tell. */
const KEPT_MS = 24 * 3_600_000;

/** What to ask for again. */
export interface LeaseWish {
  readonly ipv4Wish: Ipv4Wish;
  /** 8 bytes, not zero. */
  readonly interfaceIdWish: Uint8Array | undefined;
}

/** What a server gave a user last, in a file: asked for again, it spares the round trips of IPCP's corrections. */
export class LastLease {
  readonly #file: string;

  /** @param folder that nobody else can write to, or read */
  constructor(folder: string, server: { readonly host: string; readonly port: number; readonly user: string }) {
    const name = createHash('sha256').update(`${server.host}\n${server.port}\n${server.user}`).digest('hex');
    this.#file = join(folder, `lease-${name.slice(0, 32)}.json`);
  }

  /** Undefined if there is none, or it makes no sense. */
  read(): LeaseWish | undefined {
    try {
      if (Date.now() - fs.statSync(this.#file).mtimeMs > KEPT_MS) return undefined;
      const kept: unknown = JSON.parse(fs.readFileSync(this.#file, 'utf8'));
      if (typeof kept !== 'object' || kept === null || !('address' in kept) || !('dns' in kept)) return undefined;
      const [address, ...dns] = [kept.address, ...(Array.isArray(kept.dns) ? kept.dns : [])].map(ipv4Of);
      if (address === undefined || dns.length > 2) return undefined;
      const linkLocal = 'linkLocal' in kept ? parseIpv6(String(kept.linkLocal)) : undefined;
      return {
        // Two are asked for, also where there was one: the server may tell more by now.
        ipv4Wish: { address, dns: [dns[0] ?? 0, dns[1] ?? 0] },
        interfaceIdWish: linkLocal?.some((byte, i) => i >= 8 && byte !== 0) ? linkLocal.subarray(8) : undefined,
      };
    } catch {
      return undefined;
    }
  }

  /** Nothing is written as long as there is no IPv4 address. */
  write({ ipv4, linkLocal }: ClientAddresses): void {
    if (ipv4 === undefined) return;
    try {
      const text = JSON.stringify({
        address: formatIpv4(ipv4.address),
        dns: ipv4.dns.map(formatIpv4),
        linkLocal: linkLocal === undefined ? undefined : formatIpv6(linkLocal),
      });
      fs.writeFileSync(this.#file, `${text}\n`, { mode: 0o600 });
    } catch {
      // The next connection takes a little longer.
    }
  }
}

function ipv4Of(value: unknown): Ipv4 | undefined {
  return typeof value === 'string' ? parseIpv4(value) || undefined : undefined;
}
