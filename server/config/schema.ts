import type { CodePage } from '../../auth/index.ts';
import { USUAL_DATA } from '../../core/index.ts';
import type { Config } from './config.ts';
import {
  dnsName,
  endpoint,
  fallback,
  fixedNetwork,
  hash,
  hostAccess,
  hostName,
  ipv4Host,
  ipv4Pool,
  ipv6Host,
  ipv6Pool,
  list,
  listenAddress,
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
import { type KeyTable, keysOf } from './keys.ts';
import type { Schema } from './kinds.ts';

const HOUR_MS = 3_600_000;

/** As `CODE_PAGES` of auth/ has them, which would bring the database along. */
const CODE_PAGES: readonly CodePage[] = [
  ...(['cp1252', 'cp1251', 'cp1250', 'cp1254', 'cp1253', 'cp1257', 'cp1255', 'cp1256', 'cp1258', 'cp874'] as const),
  ...(['cp932', 'cp936', 'cp949', 'cp950', 'cp850', 'cp437', 'cp852', 'cp866'] as const),
];
/** Two hexadecimal digits of a connection's id would do for more; no machine that runs this has them. */
export const MOST_WORKERS = 64;

/** The only place that names a key, its type, range, default, flag and documentation. */
export const SCHEMA: Schema<Config> = {
  data: {
    format: path,
    default: USUAL_DATA,
    doc: 'Directory of users, certificates and the admin socket. Made at the first start.',
    applies: 'start',
    flag: { name: 'data', value: 'DIR' },
  },
  hosts: {
    format: list(hostName, { most: 64 }),
    default: 'none',
    doc: "Names and addresses that clients dial; the own certificate is issued for them. 'none': the machine's own.",
    applies: 'start',
    flag: { name: 'host', value: 'NAME', repeat: true },
  },
  listen: {
    format: list(listenAddress, { least: 1, most: 32 }),
    default: ['443'],
    doc: 'Where to listen. A port alone means every address, IPv4 and IPv6.',
    applies: 'start',
    flag: { name: 'listen', value: '[ADDR:]PORT', repeat: true },
  },
  tls: {
    cert: {
      format: paths(32),
      default: 'none',
      doc: "Certificate file (PEM, leaf first, then its chain); of several, SNI chooses, else the first. 'none': from the own certificate authority.",
      applies: 'start',
      flag: { name: 'cert', value: 'FILE', repeat: true },
    },
    key: {
      format: paths(32),
      default: 'none',
      doc: 'Private key file (PEM) of the certificate; given together with it, of several in the same order.',
      applies: 'start',
      flag: { name: 'key', value: 'FILE', repeat: true },
    },
    acme: {
      enabled: {
        format: yesOrNo,
        default: false,
        doc: "Have the certificate issued, and renewed, by an ACME authority such as Let's Encrypt, for the names in hosts.",
        applies: 'start',
        flag: { name: 'acme', sets: true },
      },
      agreeTos: {
        format: yesOrNo,
        default: false,
        doc: 'You agree to the terms of service of the ACME authority, which asks for that.',
        applies: 'start',
        flag: { name: 'acme-agree-tos', sets: true },
      },
      email: {
        format: orWord('none', text('an e-mail address', /^[^\s@,"<>]{1,64}@[A-Za-z0-9.-]{1,253}$/)),
        default: 'none',
        doc: 'Where the ACME authority may write to about the account.',
        applies: 'start',
        flag: { name: 'acme-email', value: 'ADDRESS' },
      },
      directory: {
        format: text('an https:// URL', /^https:\/\/[^\s"'<>@]{1,500}$/),
        default: 'https://acme-v02.api.letsencrypt.org/directory',
        doc: 'Directory of the ACME authority.',
        applies: 'start',
      },
      challenge: {
        format: oneOf('tls-alpn-01', 'http-01'),
        default: 'tls-alpn-01',
        doc: 'How the names are proven: on the VPN port, which must be 443 outside, or on port 80.',
        applies: 'start',
      },
    },
    minVersion: {
      format: oneOf('TLSv1.2', 'TLSv1.3'),
      default: 'TLSv1.2',
      doc: 'Oldest TLS version. Windows 10 has no TLS 1.3 for SSTP.',
      applies: 'start',
    },
    maxVersion: {
      format: oneOf('TLSv1.2', 'TLSv1.3'),
      default: 'TLSv1.3',
      doc: 'Newest TLS version, for a network or a client that stumbles over TLS 1.3.',
      applies: 'start',
    },
    ciphers: {
      format: orWord('default', text('an OpenSSL cipher list', /^[A-Za-z0-9_:!+@=.-]{1,1024}$/)),
      default: 'default',
      doc: "OpenSSL cipher list. 'default': suites with 256-bit keys, ECDHE only.",
      applies: 'start',
    },
    handshakeMs: {
      format: whole(100, HOUR_MS, 'milliseconds'),
      default: 10_000,
      doc: 'Time a client has for the TLS handshake.',
      applies: 'start',
    },
  },
  frontend: {
    listen: {
      format: list(listenAddress, { most: 32 }),
      default: 'none',
      doc: 'Where to listen without TLS, for a program in front that ends it; best a loopback address.',
      applies: 'start',
      flag: { name: 'offload-listen', value: '[ADDR:]PORT', repeat: true },
    },
    certSha256: {
      format: orWord('none', hash(32)),
      default: 'none',
      doc: 'SHA-256 of the certificate (DER) that the program in front shows, for the Crypto Binding.',
      applies: 'start',
      flag: { name: 'offload-sha256', value: 'HASH' },
    },
    certSha1: {
      format: orWord('none', hash(20)),
      default: 'none',
      doc: 'SHA-1 of the same. Without it clients that know only SHA-1 (some RouterOS) are refused there.',
      applies: 'start',
      flag: { name: 'offload-sha1', value: 'HASH' },
    },
  },
  admin: {
    listen: {
      format: orWord('off', endpoint),
      default: '127.0.0.1:8443',
      doc: "Where the admin page and API are (TLS, with the VPN port's certificate). 'off': on the unix socket only.",
      applies: 'start',
      flag: { name: 'admin', value: 'ADDR:PORT|off' },
    },
  },
  http: {
    preambleMs: {
      format: whole(100, HOUR_MS, 'milliseconds'),
      default: 10_000,
      doc: 'Time a client has, after TLS, for its HTTP request.',
      applies: 'start',
    },
    fallback: {
      format: fallback,
      default: 'page',
      doc: "What requests get that are no VPN's: a page that says nothing, 404, the files of a folder, or another web server.",
      applies: 'start',
      flag: { name: 'fallback', value: 'WHAT' },
    },
  },
  portal: {
    enabled: {
      format: yesOrNo,
      default: true,
      doc: "A page on the VPN port where users sign in with their VPN password and fetch the files for their clients. 'false': the path is as any other.",
      applies: 'start',
      flag: { name: 'no-portal', sets: false, doc: 'No page for users on the VPN port.' },
    },
    path: {
      format: text(
        "a path such as '/portal', of up to four names of letters, digits, '-', '_' and '.'",
        /^(?:\/[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}){1,4}$/,
      ),
      default: '/portal',
      doc: 'Where that page is.',
      applies: 'start',
      flag: { name: 'portal-path', value: 'PATH' },
    },
    host: {
      format: orWord('none', dnsName),
      default: 'none',
      doc: "The name that page has for itself: it answers there alone, and nothing else does. 'none': it is on each name, beside http.fallback.",
      applies: 'start',
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
      applies: 'start',
      flag: { name: 'profile-name', value: 'NAME' },
    },
    routes: {
      format: list(network, { most: 64 }),
      default: 'none',
      doc: "Networks that clients reach through the VPN. 'none': all traffic takes it.",
      applies: 'start',
      flag: { name: 'profile-route', value: 'CIDR', repeat: true },
    },
    dnsSuffix: {
      format: orWord('none', text('a DNS name', /^(?!-)[A-Za-z0-9-]{1,63}(?:\.(?!-)[A-Za-z0-9-]{1,63}){0,8}$/)),
      default: 'none',
      doc: 'DNS suffix of the connection.',
      applies: 'start',
      flag: { name: 'profile-dns-suffix', value: 'NAME' },
    },
    alwaysOn: {
      format: yesOrNo,
      default: false,
      doc: 'Windows connects by itself when something asks for a name below the DNS suffix.',
      applies: 'start',
      flag: { name: 'profile-always-on', sets: true },
    },
  },
  proxy: {
    from: {
      format: list(network, { most: 64 }),
      default: 'none',
      doc: 'Proxies in front, by address: their connections, and no others, start with a PROXY header (version 1 or 2).',
      applies: 'start',
      flag: { name: 'proxy-from', value: 'CIDR', repeat: true },
    },
  },
  pool: {
    ipv4: {
      format: orWord('auto', ipv4Pool),
      default: 'auto',
      doc: "Addresses for clients; the first is the server's. 'auto': a /24 that overlaps no route of this machine.",
      applies: 'start',
      flag: { name: 'pool', value: 'CIDR' },
    },
    ipv6: {
      format: orWord('none', ipv6Pool),
      default: 'none',
      doc: 'IPv6 network of which each client gets a /64.',
      applies: 'start',
      flag: { name: 'pool6', value: 'PREFIX' },
    },
    clientChoice: {
      format: yesOrNo,
      default: true,
      doc: "A client that asks for an address of the IPv4 pool gets it if it is free and nobody else's: neither fixed nor the last one of another user. A fixed address of its user comes first.",
      applies: 'start',
    },
    fixed: {
      format: list(fixedNetwork, { most: 64 }),
      default: 'none',
      doc: "Networks besides the pool in which users may have fixed addresses; the network behind this machine must lead them here, or NAT translates them. Never those of this machine's own networks, nor what clients are told as DNS or WINS.",
      applies: 'start',
      flag: { name: 'pool-fixed', value: 'CIDR', repeat: true },
    },
  },
  dns: {
    format: orWord('auto', list(ipv4Host, { most: 2 })),
    default: 'auto',
    doc: "DNS servers for clients. 'auto': this machine's resolvers that are not loopback.",
    applies: 'start',
    flag: { name: 'dns', value: 'IP', repeat: true },
  },
  dns6: {
    format: list(ipv6Host, { most: 3 }),
    default: 'none',
    doc: 'IPv6 DNS servers for clients, sent in Router Advertisements.',
    applies: 'start',
  },
  wins: { format: list(ipv4Host, { most: 2 }), default: 'none', doc: 'WINS servers for clients.', applies: 'start' },
  auth: {
    methods: {
      format: list(word('mschapv2', 'chap', 'pap'), { least: 1, most: 3 }),
      default: ['mschapv2'],
      doc: 'Authentication methods in order of preference.',
      applies: 'start',
      flag: { name: 'auth', value: 'LIST' },
    },
    retries: {
      format: whole(0, 10),
      default: 3,
      doc: 'How often a client may try another password on the same connection (MS-CHAPv2).',
      applies: 'start',
    },
    timeoutMs: {
      format: whole(100, HOUR_MS, 'milliseconds'),
      default: 60_000,
      doc: 'Time a client has for authentication, retries included.',
      applies: 'start',
    },
    codePages: {
      format: list(word(...CODE_PAGES), { most: CODE_PAGES.length }),
      default: CODE_PAGES,
      doc: 'Code pages in which names and passwords are read that are not UTF-8, the likeliest first; Latin-1 is always tried.',
      applies: 'start',
    },
  },
  users: {
    keep: {
      format: oneOf('password', 'nt-hash'),
      default: 'password',
      doc: "What the user store keeps, sealed: the password, or only its NT hash, with which 'chap' is impossible.",
      applies: 'start',
    },
    maxPerUser: {
      format: whole(1, 65_535),
      default: 5,
      doc: 'Connections of one user at the same time; one more replaces the oldest.',
      applies: 'start',
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
      applies: 'start',
    },
    mtu: {
      format: whole(576, 1500, 'bytes'),
      default: 1400,
      doc: 'MTU of the TUN device; at least 1280 with an IPv6 pool.',
      applies: 'start',
      flag: { name: 'mtu', value: 'N' },
    },
    nat: {
      format: yesOrNo,
      default: true,
      doc: "Masquerade what clients send to other networks. 'false': you route the pool yourself.",
      applies: 'start',
      flag: { name: 'no-nat', sets: false, doc: 'Do not masquerade; you route the pool yourself.' },
    },
    isolate: {
      format: yesOrNo,
      default: false,
      doc: 'Keep clients from reaching each other.',
      applies: 'start',
      flag: { name: 'isolate', sets: true },
    },
    inbound: {
      format: orWord('auto', yesOrNo),
      default: 'auto',
      doc: "Let others begin connections to clients. 'auto': only without NAT. What you forward to a client (DNAT), other clients and this machine always may.",
      applies: 'start',
      flag: { name: 'inbound', sets: true, doc: 'Let others begin connections to clients, also with NAT.' },
    },
    hostAccess: {
      format: orWord('auto', hostAccess),
      default: 'auto',
      doc: "What clients reach on this machine, whatever address of it they use, besides the VPN port and, where it is told as DNS, port 53. 'auto': icmp, or all where the data directory is from before this key. Loopback addresses and the admin page never; admin page and metrics always where they listen on the server's address in the pool.",
      applies: 'start',
      flag: { name: 'host-access', value: 'LIST', repeat: true },
    },
    deny: {
      format: list(network, { most: 64 }),
      default: ['169.254.0.0/16', '168.63.129.16', '100.100.100.200', 'fd00:ec2::254', 'fe80::/10'],
      doc: 'Networks that clients never reach, such as where clouds tell machines their secrets. Port 53 of an address that is told as DNS passes, and so do the pool and link-local addresses in the tunnel.',
      applies: 'start',
      flag: { name: 'deny', value: 'CIDR', repeat: true },
    },
    offload: {
      format: oneOf('auto', 'off'),
      default: 'auto',
      doc: "Let the kernel pass many packets at once. 'auto': what it can do; 'off': packet by packet.",
      applies: 'start',
      flag: { name: 'tun-offload', value: 'auto|off' },
    },
  },
  tcp: {
    congestion: {
      format: text("'auto', 'system' or the name of a congestion control", /^[a-z][a-z0-9_-]{0,14}$/),
      default: 'auto',
      doc: "TCP congestion control of tunnels. 'auto': bbr where the kernel has it, but not in a local network; 'system': what the system says.",
      applies: 'start',
    },
  },
  limits: {
    connections: { format: whole(1, 1_000_000), default: 4096, doc: 'Connections in all.', applies: 'start' },
    unauthenticated: {
      format: whole(1, 1_000_000),
      default: 512,
      doc:
        'Connections in all that have not authenticated yet. At the limit the oldest of the source with most makes room; a ' +
        'quarter is kept for addresses that logged in within 30 days.',
      applies: 'start',
    },
    unauthenticatedPerAddress: {
      format: whole(1, 1_000_000),
      default: 32,
      doc: 'The same for one address. IPv6: one /64; a /56 has twice, a /48 four times as many.',
      applies: 'start',
    },
    flowsPerClient: {
      format: whole(0, 1_000_000),
      default: 4096,
      doc:
        'Flows (TCP connections, UDP and ping exchanges) that one client may have at the same time through NAT, or to this ' +
        'server; new ones beyond are dropped. 0: no limit. Without NAT the kernel does not track them, and there is none.',
      applies: 'start',
    },
    queueBytes: {
      format: whole(65_536, 67_108_864, 'bytes'),
      default: 4_194_304,
      doc: 'Packets waiting for one client at most; long before that a slow line drops what waits too long.',
      applies: 'start',
    },
    queuesBytes: {
      format: whole(1_048_576, 2_147_483_647, 'bytes'),
      default: 268_435_456,
      doc: 'Memory of packets waiting for all clients; the longest queue gives way first.',
      applies: 'start',
    },
  },
  explain: {
    keep: {
      format: whole(1, 100_000),
      default: 1000,
      doc: 'Attempts to connect that sstpd explain can tell about; the oldest is forgotten first.',
      applies: 'start',
    },
    keepPerPeer: {
      format: whole(1, 10_000),
      default: 50,
      doc: 'The same for one address of a client, of IPv6 for one /64.',
      applies: 'start',
    },
  },
  sstp: {
    negotiationMs: {
      format: whole(100, HOUR_MS, 'milliseconds'),
      default: 60_000,
      doc: 'Negotiation timer of MS-SSTP 3.3.2.1.',
      applies: 'start',
    },
    helloMs: {
      format: whole(100, HOUR_MS, 'milliseconds'),
      default: 60_000,
      doc: 'Silence before an SSTP Echo Request, and time for its answer (MS-SSTP 3.1.2.3).',
      applies: 'start',
    },
  },
  ppp: {
    startDelayMs: {
      format: whole(0, 60_000, 'milliseconds'),
      default: 500,
      doc: 'Wait for the first LCP frame of the client before sending ours; Windows loses 3 s otherwise.',
      applies: 'start',
    },
    restartMs: {
      format: whole(100, 60_000, 'milliseconds'),
      default: 3000,
      doc: 'Restart timer of RFC 1661 4.6: LCP, IPCP, IPv6CP (ten times at most) and CHAP repeat what is not answered. The first repetition comes after 1 s, or after two round trips of a slow client.',
      applies: 'start',
    },
    echoIntervalMs: {
      format: whole(100, HOUR_MS, 'milliseconds'),
      default: 30_000,
      doc: 'Silence before an LCP Echo-Request; the fourth unanswered one ends the connection.',
      applies: 'start',
    },
  },
  metrics: {
    listen: {
      format: orWord('none', endpoint),
      default: 'none',
      doc: 'Where to serve /metrics for Prometheus, without login and TLS; best a loopback address.',
      applies: 'start',
      flag: { name: 'metrics', value: 'ADDR:PORT' },
    },
    hosts: {
      format: list(hostName, { most: 64 }),
      default: 'none',
      doc: 'Names with a dot by which Prometheus calls that place, besides those in hosts and on the certificates: others are refused, as a page in a browser would use them.',
      applies: 'start',
    },
    users: {
      format: yesOrNo,
      default: false,
      doc: 'Have metrics for each user, by name: bytes and sessions.',
      applies: 'start',
    },
  },
  hooks: {
    up: {
      format: orWord('none', path),
      default: 'none',
      doc: 'Program to run when a session is up, with the arguments and the environment of ip-up of pppd.',
      applies: 'start',
      flag: { name: 'hook-up', value: 'FILE' },
    },
    down: {
      format: orWord('none', path),
      default: 'none',
      doc: 'The same at the end of a session.',
      applies: 'start',
      flag: { name: 'hook-down', value: 'FILE' },
    },
    upRequired: {
      format: yesOrNo,
      default: false,
      doc: 'Disconnect a session for which hooks.up fails.',
      applies: 'start',
    },
    timeoutMs: {
      format: whole(100, 600_000, 'milliseconds'),
      default: 10_000,
      doc: 'Time that a hook has before it is killed.',
      applies: 'start',
    },
    webhooks: {
      format: webhookUrls,
      default: 'none',
      doc: 'Where to post events as JSON: sessions, failed logins, attacks and floods, renewed certificates.',
      applies: 'start',
      flag: { name: 'webhook', value: 'URL', repeat: true },
    },
    secretFile: {
      format: orWord('none', path),
      default: 'none',
      doc: 'File with the secret, 16 bytes or more, by which webhooks are signed.',
      applies: 'start',
      flag: { name: 'webhook-secret', value: 'FILE' },
    },
  },
  log: {
    level: {
      format: oneOf('debug', 'info', 'warn', 'error'),
      default: 'info',
      doc: 'Least severe lines that are written.',
      applies: 'start',
      flag: { name: 'log-level', value: 'LEVEL' },
    },
    format: {
      format: oneOf('auto', 'pretty', 'json'),
      default: 'auto',
      doc: "JSON lines, or lines for people. 'auto': for people on a terminal.",
      applies: 'start',
    },
  },
  run: {
    user: {
      format: text("an account name or number, 'root' or empty", /^(?:|[A-Za-z_][A-Za-z0-9_.-]{0,31}\$?|\d{1,9})$/),
      default: '',
      doc: "Account to run as once everything is open. Empty: 'sstpd' if it exists, else a number for this data directory alone. 'root': stay.",
      applies: 'start',
    },
    workers: {
      format: orWord('auto', whole(0, MOST_WORKERS)),
      default: 'auto',
      doc: "Processes that carry connections, each with a TUN device. 'auto': one for each processor. 0, for tests: the process with users and keys does it, in no cage.",
      applies: 'start',
      flag: { name: 'workers', value: 'N' },
    },
    cage: {
      format: oneOf('auto', 'require', 'off'),
      default: 'auto',
      doc: "Landlock and seccomp around the workers. 'auto': as much as the kernel has; 'require': no start without both; 'off': none.",
      applies: 'start',
    },
    link: {
      format: yesOrNo,
      default: true,
      doc: "A start as root in a clone makes the command /usr/local/bin/sstpd, if all folders on the way are root's alone.",
      applies: 'start',
      flag: { name: 'no-link', sets: false, doc: 'Do not make the command /usr/local/bin/sstpd.' },
    },
  },
};

/** All keys in the order of the schema, as users name them. */
export const KEYS: KeyTable<Config> = keysOf<Config>(SCHEMA, { frontend: 'offload' });
