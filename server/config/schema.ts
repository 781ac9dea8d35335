import type { CodePage } from '../../auth/index.ts';
import { type Ipv4, type Ipv4Cidr, type Ipv6, type Ipv6Cidr, USUAL_DATA } from '../../core/index.ts';
import type { Fallback } from '../site/index.ts';
import {
  dnsName,
  type Endpoint,
  endpoint,
  type Format,
  fallback,
  fixedNetwork,
  type HostAccess,
  hash,
  hostAccess,
  hostName,
  ipv4Host,
  ipv4Pool,
  ipv6Host,
  ipv6Pool,
  type ListenAddress,
  list,
  listenAddress,
  type Network,
  network,
  oneOf,
  orWord,
  path,
  paths,
  text,
  webhookUrls,
  whole,
  word,
  yesOrNo,
} from './format.ts';

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
  /** Listeners whose TLS ends at a program in front, and the hashes of the certificate that it shows, hexadecimal. */
  readonly offload: {
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

/** One key: how its value is written, and what is said about it in the documentation. */
export interface Leaf<T> {
  readonly format: Format<T>;
  /** Written as in the file. */
  readonly default: string | number | boolean | readonly string[];
  readonly doc: string;
  readonly flag?: Flag;
}

/** A command-line flag: one that takes a value (several times if the key is a list), or one that sets a fixed value. */
export type Flag =
  | { readonly name: string; readonly value: string; readonly repeat?: true }
  | { readonly name: string; readonly sets: boolean; readonly doc?: string };

type Group =
  | 'tcp'
  | 'tls'
  | 'offload'
  | 'admin'
  | 'http'
  | 'portal'
  | 'profile'
  | 'proxy'
  | 'pool'
  | 'auth'
  | 'users'
  | 'network'
  | 'limits'
  | 'explain'
  | 'sstp'
  | 'ppp'
  | 'metrics'
  | 'hooks'
  | 'log'
  | 'run';

/** A leaf for each key of `Config`, of its type: a key without one does not compile. */
type Schema = {
  readonly [K in keyof Config]: K extends Group
    ? { readonly [L in keyof Config[K]]: L extends 'acme' ? Leaves<Config[K][L]> : Leaf<Config[K][L]> }
    : Leaf<Config[K]>;
};

type Leaves<T> = { readonly [M in keyof T]: Leaf<T[M]> };

const HOUR_MS = 3_600_000;

/** As `CODE_PAGES` of auth/ has them, which would bring the database along. */
const CODE_PAGES: readonly CodePage[] = [
  ...(['cp1252', 'cp1251', 'cp1250', 'cp1254', 'cp1253', 'cp1257', 'cp1255', 'cp1256', 'cp1258', 'cp874'] as const),
  ...(['cp932', 'cp936', 'cp949', 'cp950', 'cp850', 'cp437', 'cp852', 'cp866'] as const),
];
/** Two hexadecimal digits of a connection's id would do for more; no machine that runs this has them. */
export const MOST_WORKERS = 64;

/** The only place that names a key, its type, range, default, flag and documentation. */
export const SCHEMA: Schema = {
  data: {
    format: path,
    default: USUAL_DATA,
    doc: 'Directory of users, certificates and the admin socket. Made at the first start.',
    flag: { name: 'data', value: 'DIR' },
  },
  hosts: {
    format: list(hostName, { most: 64 }),
    default: 'none',
    doc: "Names and addresses that clients dial; the own certificate is issued for them. 'none': the machine's own.",
    flag: { name: 'host', value: 'NAME', repeat: true },
  },
  listen: {
    format: list(listenAddress, { least: 1, most: 32 }),
    default: ['443'],
    doc: 'Where to listen. A port alone means every address, IPv4 and IPv6.',
    flag: { name: 'listen', value: '[ADDR:]PORT', repeat: true },
  },
  tls: {
    cert: {
      format: paths(32),
      default: 'none',
      doc: "Certificate file (PEM, leaf first, then its chain); of several, SNI chooses, else the first. 'none': from the own certificate authority.",
      flag: { name: 'cert', value: 'FILE', repeat: true },
    },
    key: {
      format: paths(32),
      default: 'none',
      doc: 'Private key file (PEM) of the certificate; given together with it, of several in the same order.',
      flag: { name: 'key', value: 'FILE', repeat: true },
    },
    acme: {
      enabled: {
        format: yesOrNo,
        default: false,
        doc: "Have the certificate issued, and renewed, by an ACME authority such as Let's Encrypt, for the names in hosts.",
        flag: { name: 'acme', sets: true },
      },
      agreeTos: {
        format: yesOrNo,
        default: false,
        doc: 'You agree to the terms of service of the ACME authority, which asks for that.',
        flag: { name: 'acme-agree-tos', sets: true },
      },
      email: {
        format: orWord('none', text('an e-mail address', /^[^\s@,"<>]{1,64}@[A-Za-z0-9.-]{1,253}$/)),
        default: 'none',
        doc: 'Where the ACME authority may write to about the account.',
        flag: { name: 'acme-email', value: 'ADDRESS' },
      },
      directory: {
        format: text('an https:// URL', /^https:\/\/[^\s"'<>@]{1,500}$/),
        default: 'https://acme-v02.api.letsencrypt.org/directory',
        doc: 'Directory of the ACME authority.',
      },
      challenge: {
        format: oneOf('tls-alpn-01', 'http-01'),
        default: 'tls-alpn-01',
        doc: 'How the names are proven: on the VPN port, which must be 443 outside, or on port 80.',
      },
    },
    minVersion: {
      format: oneOf('TLSv1.2', 'TLSv1.3'),
      default: 'TLSv1.2',
      doc: 'Oldest TLS version. Windows 10 has no TLS 1.3 for SSTP.',
    },
    maxVersion: {
      format: oneOf('TLSv1.2', 'TLSv1.3'),
      default: 'TLSv1.3',
      doc: 'Newest TLS version, for a network or a client that stumbles over TLS 1.3.',
    },
    ciphers: {
      format: orWord('default', text('an OpenSSL cipher list', /^[A-Za-z0-9_:!+@=.-]{1,1024}$/)),
      default: 'default',
      doc: "OpenSSL cipher list. 'default': suites with 256-bit keys, ECDHE only.",
    },
    handshakeMs: {
      format: whole(100, HOUR_MS, 'milliseconds'),
      default: 10_000,
      doc: 'Time a client has for the TLS handshake.',
    },
  },
  offload: {
    listen: {
      format: list(listenAddress, { most: 32 }),
      default: 'none',
      doc: 'Where to listen without TLS, for a program in front that ends it; best a loopback address.',
      flag: { name: 'offload-listen', value: '[ADDR:]PORT', repeat: true },
    },
    certSha256: {
      format: orWord('none', hash(32)),
      default: 'none',
      doc: 'SHA-256 of the certificate (DER) that the program in front shows, for the Crypto Binding.',
      flag: { name: 'offload-sha256', value: 'HASH' },
    },
    certSha1: {
      format: orWord('none', hash(20)),
      default: 'none',
      doc: 'SHA-1 of the same. Without it clients that know only SHA-1 (some RouterOS) are refused there.',
      flag: { name: 'offload-sha1', value: 'HASH' },
    },
  },
  admin: {
    listen: {
      format: orWord('off', endpoint),
      default: '127.0.0.1:8443',
      doc: "Where the admin page and API are (TLS, with the VPN port's certificate). 'off': on the unix socket only.",
      flag: { name: 'admin', value: 'ADDR:PORT|off' },
    },
  },
  http: {
    preambleMs: {
      format: whole(100, HOUR_MS, 'milliseconds'),
      default: 10_000,
      doc: 'Time a client has, after TLS, for its HTTP request.',
    },
    fallback: {
      format: fallback,
      default: 'page',
      doc: "What requests get that are no VPN's: a page that says nothing, 404, the files of a folder, or another web server.",
      flag: { name: 'fallback', value: 'WHAT' },
    },
  },
  portal: {
    enabled: {
      format: yesOrNo,
      default: true,
      doc: "A page on the VPN port where users sign in with their VPN password and fetch the files for their clients. 'false': the path is as any other.",
      flag: { name: 'no-portal', sets: false, doc: 'No page for users on the VPN port.' },
    },
    path: {
      format: text(
        "a path such as '/portal', of up to four names of letters, digits, '-', '_' and '.'",
        /^(?:\/[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}){1,4}$/,
      ),
      default: '/portal',
      doc: 'Where that page is.',
      flag: { name: 'portal-path', value: 'PATH' },
    },
    host: {
      format: orWord('none', dnsName),
      default: 'none',
      doc: "The name that page has for itself: it answers there alone, and nothing else does. 'none': it is on each name, beside http.fallback.",
      flag: { name: 'portal-host', value: 'NAME' },
    },
  },
  profile: {
    name: {
      format: text(
        "1 to 64 letters, digits, spaces and any of . _ - ( ) ', no space at an end",
        /^(?! )[\p{L}\p{M}\p{N} ._()'-]{1,64}(?<! )$/u,
      ),
      default: 'sstpd',
      doc: "The connection's name in clients.",
      flag: { name: 'profile-name', value: 'NAME' },
    },
    routes: {
      format: list(network, { most: 64 }),
      default: 'none',
      doc: "Networks that clients reach through the VPN. 'none': all traffic takes it.",
      flag: { name: 'profile-route', value: 'CIDR', repeat: true },
    },
    dnsSuffix: {
      format: orWord('none', text('a DNS name', /^(?!-)[A-Za-z0-9-]{1,63}(?:\.(?!-)[A-Za-z0-9-]{1,63}){0,8}$/)),
      default: 'none',
      doc: 'DNS suffix of the connection.',
      flag: { name: 'profile-dns-suffix', value: 'NAME' },
    },
    alwaysOn: {
      format: yesOrNo,
      default: false,
      doc: 'Windows connects by itself when something asks for a name below the DNS suffix.',
      flag: { name: 'profile-always-on', sets: true },
    },
  },
  proxy: {
    from: {
      format: list(network, { most: 64 }),
      default: 'none',
      doc: 'Proxies in front, by address: their connections, and no others, start with a PROXY header (version 1 or 2).',
      flag: { name: 'proxy-from', value: 'CIDR', repeat: true },
    },
  },
  pool: {
    ipv4: {
      format: orWord('auto', ipv4Pool),
      default: 'auto',
      doc: "Addresses for clients; the first is the server's. 'auto': a /24 that overlaps no route of this machine.",
      flag: { name: 'pool', value: 'CIDR' },
    },
    ipv6: {
      format: orWord('none', ipv6Pool),
      default: 'none',
      doc: 'IPv6 network of which each client gets a /64.',
      flag: { name: 'pool6', value: 'PREFIX' },
    },
    clientChoice: {
      format: yesOrNo,
      default: true,
      doc: "A client that asks for an address of the IPv4 pool gets it if it is free and nobody else's: neither fixed nor the last one of another user. A fixed address of its user comes first.",
    },
    fixed: {
      format: list(fixedNetwork, { most: 64 }),
      default: 'none',
      doc: "Networks besides the pool in which users may have fixed addresses; the network behind this machine must lead them here, or NAT translates them. Never those of this machine's own networks, nor what clients are told as DNS or WINS.",
      flag: { name: 'pool-fixed', value: 'CIDR', repeat: true },
    },
  },
  dns: {
    format: orWord('auto', list(ipv4Host, { most: 2 })),
    default: 'auto',
    doc: "DNS servers for clients. 'auto': this machine's resolvers that are not loopback.",
    flag: { name: 'dns', value: 'IP', repeat: true },
  },
  dns6: {
    format: list(ipv6Host, { most: 3 }),
    default: 'none',
    doc: 'IPv6 DNS servers for clients, sent in Router Advertisements.',
  },
  wins: { format: list(ipv4Host, { most: 2 }), default: 'none', doc: 'WINS servers for clients.' },
  auth: {
    methods: {
      format: list(word('mschapv2', 'chap', 'pap'), { least: 1, most: 3 }),
      default: ['mschapv2'],
      doc: 'Authentication methods in order of preference.',
      flag: { name: 'auth', value: 'LIST' },
    },
    retries: {
      format: whole(0, 10),
      default: 3,
      doc: 'How often a client may try another password on the same connection (MS-CHAPv2).',
    },
    timeoutMs: {
      format: whole(100, HOUR_MS, 'milliseconds'),
      default: 60_000,
      doc: 'Time a client has for authentication, retries included.',
    },
    codePages: {
      format: list(word(...CODE_PAGES), { most: CODE_PAGES.length }),
      default: CODE_PAGES,
      doc: 'Code pages in which names and passwords are read that are not UTF-8, the likeliest first; Latin-1 is always tried.',
    },
  },
  users: {
    keep: {
      format: oneOf('password', 'nt-hash'),
      default: 'password',
      doc: "What the user store keeps, sealed: the password, or only its NT hash, with which 'chap' is impossible.",
    },
    maxPerUser: {
      format: whole(1, 65_535),
      default: 5,
      doc: 'Connections of one user at the same time; one more replaces the oldest.',
    },
  },
  network: {
    tun: {
      format: text(
        "an interface name of up to 15 letters, digits, '_', '.' or '-', at most one '%d' at its end",
        /^(?!\.{1,2}$)(?:[A-Za-z0-9_.-]{1,15}|[A-Za-z0-9_.-]{1,13}%d)$/,
      ),
      default: 'sstp%d',
      doc: "Name of the TUN device; the kernel puts the first free number in place of '%d'.",
    },
    mtu: {
      format: whole(576, 1500, 'bytes'),
      default: 1400,
      doc: 'MTU of the TUN device; at least 1280 with an IPv6 pool.',
      flag: { name: 'mtu', value: 'N' },
    },
    nat: {
      format: yesOrNo,
      default: true,
      doc: "Masquerade what clients send to other networks. 'false': you route the pool yourself.",
      flag: { name: 'no-nat', sets: false, doc: 'Do not masquerade; you route the pool yourself.' },
    },
    isolate: {
      format: yesOrNo,
      default: false,
      doc: 'Keep clients from reaching each other.',
      flag: { name: 'isolate', sets: true },
    },
    inbound: {
      format: orWord('auto', yesOrNo),
      default: 'auto',
      doc: "Let others begin connections to clients. 'auto': only without NAT. What you forward to a client (DNAT), other clients and this machine always may.",
      flag: { name: 'inbound', sets: true, doc: 'Let others begin connections to clients, also with NAT.' },
    },
    hostAccess: {
      format: orWord('auto', hostAccess),
      default: 'auto',
      doc: "What clients reach on this machine, whatever address of it they use, besides the VPN port and, where it is told as DNS, port 53. 'auto': icmp, or all where the data directory is from before this key. Loopback addresses and the admin page never; admin page and metrics always where they listen on the server's address in the pool.",
      flag: { name: 'host-access', value: 'LIST', repeat: true },
    },
    deny: {
      format: list(network, { most: 64 }),
      default: ['169.254.0.0/16', '168.63.129.16', '100.100.100.200', 'fd00:ec2::254', 'fe80::/10'],
      doc: 'Networks that clients never reach, such as where clouds tell machines their secrets. Port 53 of an address that is told as DNS passes, and so do the pool and link-local addresses in the tunnel.',
      flag: { name: 'deny', value: 'CIDR', repeat: true },
    },
    offload: {
      format: oneOf('auto', 'off'),
      default: 'auto',
      doc: "Let the kernel pass many packets at once. 'auto': what it can do; 'off': packet by packet.",
      flag: { name: 'tun-offload', value: 'auto|off' },
    },
  },
  tcp: {
    congestion: {
      format: text("'auto', 'system' or the name of a congestion control", /^[a-z][a-z0-9_-]{0,14}$/),
      default: 'auto',
      doc: "TCP congestion control of tunnels. 'auto': bbr where the kernel has it, but not in a local network; 'system': what the system says.",
    },
  },
  limits: {
    connections: { format: whole(1, 1_000_000), default: 4096, doc: 'Connections in all.' },
    unauthenticated: {
      format: whole(1, 1_000_000),
      default: 512,
      doc:
        'Connections in all that have not authenticated yet. At the limit the oldest of the source with most makes room; a ' +
        'quarter is kept for addresses that logged in within 30 days.',
    },
    unauthenticatedPerAddress: {
      format: whole(1, 1_000_000),
      default: 32,
      doc: 'The same for one address. IPv6: one /64; a /56 has twice, a /48 four times as many.',
    },
    flowsPerClient: {
      format: whole(0, 1_000_000),
      default: 4096,
      doc:
        'Flows (TCP connections, UDP and ping exchanges) that one client may have at the same time through NAT, or to this ' +
        'server; new ones beyond are dropped. 0: no limit. Without NAT the kernel does not track them, and there is none.',
    },
    queueBytes: {
      format: whole(65_536, 67_108_864, 'bytes'),
      default: 4_194_304,
      doc: 'Packets waiting for one client at most; long before that a slow line drops what waits too long.',
    },
    queuesBytes: {
      format: whole(1_048_576, 2_147_483_647, 'bytes'),
      default: 268_435_456,
      doc: 'Memory of packets waiting for all clients; the longest queue gives way first.',
    },
  },
  explain: {
    keep: {
      format: whole(1, 100_000),
      default: 1000,
      doc: 'Attempts to connect that sstpd explain can tell about; the oldest is forgotten first.',
    },
    keepPerPeer: {
      format: whole(1, 10_000),
      default: 50,
      doc: 'The same for one address of a client, of IPv6 for one /64.',
    },
  },
  sstp: {
    negotiationMs: {
      format: whole(100, HOUR_MS, 'milliseconds'),
      default: 60_000,
      doc: 'Negotiation timer of MS-SSTP 3.3.2.1.',
    },
    helloMs: {
      format: whole(100, HOUR_MS, 'milliseconds'),
      default: 60_000,
      doc: 'Silence before an SSTP Echo Request, and time for its answer (MS-SSTP 3.1.2.3).',
    },
  },
  ppp: {
    startDelayMs: {
      format: whole(0, 60_000, 'milliseconds'),
      default: 500,
      doc: 'Wait for the first LCP frame of the client before sending ours; Windows loses 3 s otherwise.',
    },
    restartMs: {
      format: whole(100, 60_000, 'milliseconds'),
      default: 3000,
      doc: 'Restart timer of RFC 1661 4.6: LCP, IPCP, IPv6CP (ten times at most) and CHAP repeat what is not answered. The first repetition comes after 1 s, or after two round trips of a slow client.',
    },
    echoIntervalMs: {
      format: whole(100, HOUR_MS, 'milliseconds'),
      default: 30_000,
      doc: 'Silence before an LCP Echo-Request; the fourth unanswered one ends the connection.',
    },
  },
  metrics: {
    listen: {
      format: orWord('none', endpoint),
      default: 'none',
      doc: 'Where to serve /metrics for Prometheus, without login and TLS; best a loopback address.',
      flag: { name: 'metrics', value: 'ADDR:PORT' },
    },
    hosts: {
      format: list(hostName, { most: 64 }),
      default: 'none',
      doc: 'Names with a dot by which Prometheus calls that place, besides those in hosts and on the certificates: others are refused, as a page in a browser would use them.',
    },
    users: {
      format: yesOrNo,
      default: false,
      doc: 'Have metrics for each user, by name: bytes and sessions.',
    },
  },
  hooks: {
    up: {
      format: orWord('none', path),
      default: 'none',
      doc: 'Program to run when a session is up, with the arguments and the environment of ip-up of pppd.',
      flag: { name: 'hook-up', value: 'FILE' },
    },
    down: {
      format: orWord('none', path),
      default: 'none',
      doc: 'The same at the end of a session.',
      flag: { name: 'hook-down', value: 'FILE' },
    },
    upRequired: {
      format: yesOrNo,
      default: false,
      doc: 'Disconnect a session for which hooks.up fails.',
    },
    timeoutMs: {
      format: whole(100, 600_000, 'milliseconds'),
      default: 10_000,
      doc: 'Time that a hook has before it is killed.',
    },
    webhooks: {
      format: webhookUrls,
      default: 'none',
      doc: 'Where to post events as JSON: sessions, failed logins, attacks and floods, renewed certificates.',
      flag: { name: 'webhook', value: 'URL', repeat: true },
    },
    secretFile: {
      format: orWord('none', path),
      default: 'none',
      doc: 'File with the secret, 16 bytes or more, by which webhooks are signed.',
      flag: { name: 'webhook-secret', value: 'FILE' },
    },
  },
  log: {
    level: {
      format: oneOf('debug', 'info', 'warn', 'error'),
      default: 'info',
      doc: 'Least severe lines that are written.',
      flag: { name: 'log-level', value: 'LEVEL' },
    },
    format: {
      format: oneOf('auto', 'pretty', 'json'),
      default: 'auto',
      doc: "JSON lines, or lines for people. 'auto': for people on a terminal.",
    },
  },
  run: {
    user: {
      format: text("an account name or number, 'root' or empty", /^(?:|[A-Za-z_][A-Za-z0-9_.-]{0,31}\$?|\d{1,9})$/),
      default: '',
      doc: "Account to run as once everything is open. Empty: 'sstpd' if it exists, else a number for this data directory alone. 'root': stay.",
    },
    workers: {
      format: orWord('auto', whole(0, MOST_WORKERS)),
      default: 'auto',
      doc: "Processes that carry connections, each with a TUN device. 'auto': one for each processor. 0, for tests: the process with users and keys does it, in no cage.",
      flag: { name: 'workers', value: 'N' },
    },
    cage: {
      format: oneOf('auto', 'require', 'off'),
      default: 'auto',
      doc: "Landlock and seccomp around the workers. 'auto': as much as the kernel has; 'require': no start without both; 'off': none.",
    },
    link: {
      format: yesOrNo,
      default: true,
      doc: "A start as root in a clone makes the command /usr/local/bin/sstpd, if all folders on the way are root's alone.",
      flag: { name: 'no-link', sets: false, doc: 'Do not make the command /usr/local/bin/sstpd.' },
    },
  },
};

/** A leaf with its path; its value type is known only where `SCHEMA` itself is read. */
export interface Key {
  /** Path in the file, such as `tls.minVersion`. */
  readonly key: string;
  /** Name in the environment, such as `SSTPD_TLS_MIN_VERSION`. */
  readonly env: string;
  readonly leaf: Leaf<unknown>;
}

/** All keys in the order of the schema. */
export const KEYS: readonly Key[] = keysBelow('', SCHEMA);

/** The flag as a user types it: `--no-nat`, `--listen [ADDR:]PORT`. */
export function flagText(flag: Flag): string {
  return 'value' in flag ? `--${flag.name} ${flag.value}` : `--${flag.name}`;
}

function keysBelow(prefix: string, group: object): Key[] {
  return Object.entries(group).flatMap(([name, node]: [string, object]) =>
    isLeaf(node) ? [keyOf(prefix + name, node)] : keysBelow(`${prefix}${name}.`, node),
  );
}

function isLeaf(node: object): node is Leaf<unknown> {
  return 'doc' in node && typeof node.doc === 'string';
}

function keyOf(key: string, leaf: Leaf<unknown>): Key {
  const env = `SSTPD_${key.replace(/[A-Z]/g, '_$&').replaceAll('.', '_').toUpperCase()}`;
  return { key, env, leaf };
}
