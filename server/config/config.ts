import type { CodePage } from '../../auth/index.ts';
import type { Ipv4, Ipv4Cidr, Ipv6, Ipv6Cidr } from '../../core/index.ts';
import type { Fallback } from '../site/index.ts';
import type { Endpoint, HostAccess, ListenAddress, Network } from './format.ts';

/** The effective configuration; key names are the paths in the YAML file. Deeply frozen, except for address bytes. */
export interface Config {
  /** Absolute. */
  readonly data: string;
  /** Names and addresses that clients dial; empty means the machine's own. */
  readonly hosts: readonly string[];
  readonly listen: readonly ListenAddress[];
  readonly tls: {
    /** Absolute; each with the key at the same place. Empty: the own authority's. */
    readonly cert: readonly string[];
    readonly key: readonly string[];
    readonly acme: {
      readonly enabled: boolean;
      readonly agreeTos: boolean;
      readonly email: string | undefined;
      readonly directory: string;
      readonly challenge: 'tls-alpn-01' | 'http-01';
    };
    readonly minVersion: 'TLSv1.2' | 'TLSv1.3';
    readonly maxVersion: 'TLSv1.2' | 'TLSv1.3';
    readonly ciphers: string | undefined;
    readonly handshakeMs: number;
  };
  /**
   * Listeners whose TLS ends at a program in front, and the hashes of the certificate that it shows, hexadecimal; for
   * users `offload`, which is GSO of the TUN device in here.
   */
  readonly frontend: {
    readonly listen: readonly ListenAddress[];
    readonly certSha256: string | undefined;
    readonly certSha1: string | undefined;
  };
  /** Where the admin page and API are, beside the unix socket; undefined: nowhere. */
  readonly admin: { readonly listen: Endpoint | undefined };
  readonly http: { readonly preambleMs: number; readonly fallback: Fallback };
  /** Where users set themselves up. */
  readonly portal: { readonly enabled: boolean; readonly path: string; readonly host: string | undefined };
  /** What the files for clients say. */
  readonly profile: {
    readonly name: string;
    /** Empty: all traffic through the VPN. */
    readonly routes: readonly Network[];
    readonly dnsSuffix: string | undefined;
    readonly alwaysOn: boolean;
  };
  /** Where connections start with a PROXY header. */
  readonly proxy: { readonly from: readonly Network[] };
  /** `ipv4` undefined: a free /24 is looked for. `ipv6` undefined: no IPv6 but link-local. */
  readonly pool: {
    readonly ipv4: Ipv4Cidr | undefined;
    readonly ipv6: Ipv6Cidr | undefined;
    readonly clientChoice: boolean;
    /** Where fixed addresses may be besides the pool. */
    readonly fixed: readonly Ipv4Cidr[];
  };
  /** Undefined: the host's resolvers. */
  readonly dns: readonly Ipv4[] | undefined;
  readonly dns6: readonly Ipv6[];
  readonly wins: readonly Ipv4[];
  readonly auth: {
    readonly methods: readonly ('mschapv2' | 'chap' | 'pap')[];
    readonly retries: number;
    readonly timeoutMs: number;
    readonly codePages: readonly CodePage[];
  };
  readonly users: { readonly keep: 'password' | 'nt-hash'; readonly maxPerUser: number };
  readonly network: {
    readonly tun: string;
    readonly mtu: number;
    readonly nat: boolean;
    readonly isolate: boolean;
    /** Undefined: only without NAT. */
    readonly inbound: boolean | undefined;
    /** Undefined: as the data directory began. */
    readonly hostAccess: HostAccess | undefined;
    readonly deny: readonly Network[];
    readonly offload: 'auto' | 'off';
  };
  readonly tcp: { readonly congestion: string };
  readonly limits: {
    readonly connections: number;
    readonly unauthenticated: number;
    readonly unauthenticatedPerAddress: number;
    readonly flowsPerClient: number;
    readonly queueBytes: number;
    readonly queuesBytes: number;
  };
  /** Attempts to connect that are remembered. */
  readonly explain: { readonly keep: number; readonly keepPerPeer: number };
  readonly sstp: { readonly negotiationMs: number; readonly helloMs: number };
  readonly ppp: { readonly startDelayMs: number; readonly restartMs: number; readonly echoIntervalMs: number };
  /** `listen` undefined: only on the admin socket. */
  readonly metrics: {
    readonly listen: Endpoint | undefined;
    readonly hosts: readonly string[];
    readonly users: boolean;
  };
  /** What is run, and told, when sessions come and go. Paths are absolute. */
  readonly hooks: {
    readonly up: string | undefined;
    readonly down: string | undefined;
    readonly upRequired: boolean;
    readonly timeoutMs: number;
    readonly webhooks: readonly string[];
    readonly secretFile: string | undefined;
  };
  readonly log: { readonly level: 'debug' | 'info' | 'warn' | 'error'; readonly format: 'auto' | 'pretty' | 'json' };
  readonly run: {
    /** Empty: `sstpd` if that account exists, else a number of the data directory's own. */
    readonly user: string;
    /** Undefined: one for each processor. 0: this process carries the connections. */
    readonly workers: number | undefined;
    readonly cage: 'auto' | 'require' | 'off';
    readonly link: boolean;
  };
}
