import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { after, before, test } from 'node:test';
import fc from 'fast-check';
import { CODE_PAGES } from '../../../auth/index.ts';
import { parseIpv6 } from '../../../core/index.ts';
import {
  type Config,
  ConfigError,
  configFlags,
  describeSchema,
  type FlagValues,
  loadConfig,
  loadShown,
  showConfig,
} from '../../../server/config/index.ts';

let folder: string;
before(() => {
  folder = mkdtempSync(join(tmpdir(), 'sstpd-config-'));
});
after(() => rmSync(folder, { recursive: true }));

function file(text: string): string {
  const path = join(folder, 'sstpd.yaml');
  writeFileSync(path, text);
  return path;
}

function load(input: { flags?: FlagValues; env?: NodeJS.ProcessEnv; yaml?: string }): ReturnType<typeof loadConfig> {
  const path = input.yaml === undefined ? undefined : file(input.yaml);
  return loadConfig({ flags: input.flags ?? {}, env: input.env ?? {}, file: path });
}

function refusal(input: Parameters<typeof load>[0]): ConfigError {
  try {
    load(input);
  } catch (error) {
    assert.ok(error instanceof ConfigError);
    assert.equal(error.code, 'ERR_CONFIG');
    assert.doesNotMatch(error.message, /[\n\r]/);
    return error;
  }
  throw new assert.AssertionError({ message: `not refused: ${JSON.stringify(input)}` });
}

test('without file, environment and flags every key has its documented default', () => {
  const { config, origins } = load({});
  const expected: Config = {
    data: '/var/lib/sstpd',
    hosts: [],
    listen: [{ host: undefined, port: 443 }],
    tls: {
      cert: [],
      key: [],
      acme: {
        enabled: false,
        agreeTos: false,
        email: undefined,
        directory: 'https://acme-v02.api.letsencrypt.org/directory',
        challenge: 'tls-alpn-01',
      },
      minVersion: 'TLSv1.2',
      maxVersion: 'TLSv1.3',
      ciphers: undefined,
      handshakeMs: 10_000,
    },
    frontend: { listen: [], certSha256: undefined, certSha1: undefined },
    admin: { listen: { host: '127.0.0.1', port: 8443 } },
    http: { preambleMs: 10_000, fallback: { kind: 'page' } },
    portal: { enabled: true, path: '/portal', host: undefined },
    profile: { name: 'sstpd', routes: [], dnsSuffix: undefined, alwaysOn: false },
    proxy: { from: [] },
    pool: { ipv4: undefined, ipv6: undefined, clientChoice: true, fixed: [] },
    dns: undefined,
    dns6: [],
    wins: [],
    auth: { methods: ['mschapv2'], retries: 3, timeoutMs: 60_000, codePages: CODE_PAGES },
    users: { keep: 'password', maxPerUser: 5 },
    network: {
      ...{ tun: 'sstp%d', mtu: 1400, nat: true, isolate: false, offload: 'auto' },
      ...{ inbound: undefined, hostAccess: undefined },
      deny: [
        { family: 'ipv4', address: 0xa9fe0000, prefixLength: 16 },
        { family: 'ipv4', address: 0xa83f8110, prefixLength: 32 },
        { family: 'ipv4', address: 0x646464c8, prefixLength: 32 },
        { family: 'ipv6', address: parseIpv6('fd00:ec2::254') ?? assert.fail(), prefixLength: 128 },
        { family: 'ipv6', address: parseIpv6('fe80::') ?? assert.fail(), prefixLength: 10 },
      ],
    },
    tcp: { congestion: 'auto' },
    limits: {
      flowsPerClient: 4096,
      connections: 4096,
      unauthenticated: 512,
      unauthenticatedPerAddress: 32,
      queueBytes: 4_194_304,
      queuesBytes: 268_435_456,
    },
    explain: { keep: 1000, keepPerPeer: 50 },
    sstp: { negotiationMs: 60_000, helloMs: 60_000 },
    ppp: { startDelayMs: 500, restartMs: 3000, echoIntervalMs: 30_000 },
    metrics: { listen: undefined, hosts: [], users: false },
    hooks: {
      up: undefined,
      down: undefined,
      upRequired: false,
      timeoutMs: 10_000,
      webhooks: [],
      secretFile: undefined,
    },
    log: { level: 'info', format: 'auto' },
    run: { user: '', workers: undefined, cage: 'auto', link: true },
  };
  assert.deepEqual(config, expected);
  assert.deepEqual(new Set(origins.values()), new Set(['default']));
  assert.equal(origins.size, describeSchema().length);
});

test('a flag wins over the environment, that over the file, that over the default; origins say which', () => {
  const yaml = 'network: { mtu: 1300, tun: vpn0 }\nlog: { level: warn }\n';
  const env = { SSTPD_NETWORK_MTU: '1310', SSTPD_LOG_LEVEL: 'error' };
  const { config, origins } = load({ yaml, env, flags: { 'network.mtu': '1320' } });
  assert.equal(config.network.mtu, 1320);
  assert.equal(config.log.level, 'error');
  assert.equal(config.network.tun, 'vpn0');
  assert.equal(origins.get('network.mtu'), 'flag --mtu');
  assert.equal(origins.get('log.level'), 'environment SSTPD_LOG_LEVEL');
  assert.equal(origins.get('network.tun'), `file ${join(folder, 'sstpd.yaml')}`);
  assert.equal(origins.get('data'), 'default');
});

test('SSTPD_CONFIG names the file, and --config wins over it', () => {
  const path = file('network: { mtu: 1234 }\n');
  assert.equal(loadConfig({ flags: {}, env: { SSTPD_CONFIG: path } }).config.network.mtu, 1234);
  assert.equal(loadConfig({ flags: {}, env: { SSTPD_CONFIG: '/nowhere' }, file: path }).config.network.mtu, 1234);
  assert.throws(() => loadConfig({ flags: {}, env: { SSTPD_CONFIG: '/nowhere' } }), {
    code: 'ERR_CONFIG',
    message: 'config file /nowhere cannot be read: it does not exist',
  });
});

test('hosts are compared and kept without case and the dot at the end; a URL is told what to write', () => {
  const hosts = (...given: string[]): readonly string[] => load({ flags: { hosts: given } }).config.hosts;
  assert.deepEqual(hosts('VPN.Example.COM.', 'bücher.example', '2001:DB8:0::1', '192.0.2.1', '*.Example.com'), [
    'vpn.example.com',
    'bücher.example',
    '2001:db8::1',
    '192.0.2.1',
    '*.example.com',
  ]);
  assert.match(refusal({ flags: { hosts: ['a.example', 'A.example.'] } }).message, /none twice/);
  assert.equal(
    refusal({ flags: { hosts: ['a.example', 'https://b.example:443/x'] } }).message,
    "hosts: 'https://b.example:443/x' must be a DNS name or an IP address: " +
      'write b.example, without https://, what stands behind the name and the port (flag --host)',
  );
});

test('an empty environment variable counts as not set', () => {
  const { config, origins } = load({ env: { SSTPD_NETWORK_MTU: '', SSTPD_CONFIG: '' } });
  assert.equal(config.network.mtu, 1400);
  assert.equal(origins.get('network.mtu'), 'default');
});

test('an SSTPD_ variable that nobody reads is refused and the nearest named, unless it is empty', () => {
  for (const [typed, meant] of [
    ['SSTPD_POOL_IPV', 'SSTPD_POOL_IPV4'],
    ['SSTPD_MTU', 'SSTPD_NETWORK_MTU'],
    ['SSTPD_MIN_VERSION', 'SSTPD_TLS_MIN_VERSION'],
    ['SSTPD_network_mtu', 'SSTPD_NETWORK_MTU'],
    ['SSTPD_DATADIR', 'SSTPD_DATA'],
    ['SSTPD_CONFG', 'SSTPD_CONFIG'],
    ['SSTPD_PASWORD', 'SSTPD_PASSWORD'],
    ['SSTPD_POOL', 'SSTPD_POOL_IPV4, SSTPD_POOL_IPV6, SSTPD_POOL_CLIENT_CHOICE, SSTPD_POOL_FIXED'],
    ['SSTPD_POOLS', 'SSTPD_POOL_IPV4, SSTPD_POOL_IPV6, SSTPD_POOL_CLIENT_CHOICE, SSTPD_POOL_FIXED'],
    ['SSTPD_HOST', 'SSTPD_HOSTS'],
    ['SSTPD_CERT', 'SSTPD_TLS_CERT'],
    ['SSTPD_NO_NAT', 'SSTPD_NETWORK_NAT'],
  ] as const) {
    assert.equal(
      refusal({ env: { [typed]: '1' } }).message,
      `${typed}: unknown environment variable, the nearest is ${meant}`,
    );
    assert.equal(load({ env: { [typed]: '' } }).config.network.mtu, 1400);
  }
  assert.match(refusal({ env: { [`SSTPD_\n${'x'.repeat(9999)}`]: '1' } }).message, /^SSTPD_ x{1,80}\.\.\.: unknown/);
  load({ env: { SSTPD_DEBUG: '1', SSTPD_PASSWORD: 'x', SSTPDX: '1', sstpd_data: 'x' } });
  // What Kubernetes sets for a service of the name sstpd.
  load({
    env: { SSTPD_SERVICE_HOST: '10.0.0.1', SSTPD_PORT: 'tcp://10.0.0.1:443', SSTPD_PORT_443_TCP_ADDR: '10.0.0.1' },
  });
});

test('lists come as YAML lists, one YAML value, text with commas, or repeated flags', () => {
  const two = [0x01010101, 0x09090909];
  assert.deepEqual(load({ yaml: 'dns: [1.1.1.1, 9.9.9.9]\n' }).config.dns, two);
  assert.deepEqual(load({ yaml: 'dns: 1.1.1.1\n' }).config.dns, [0x01010101]);
  assert.deepEqual(load({ env: { SSTPD_DNS: '1.1.1.1, 9.9.9.9' } }).config.dns, two);
  assert.deepEqual(load({ flags: { dns: ['1.1.1.1', '9.9.9.9'] } }).config.dns, two);
  assert.deepEqual(load({ flags: { 'auth.methods': 'chap,pap' } }).config.auth.methods, ['chap', 'pap']);
  assert.deepEqual(load({ yaml: 'listen: 4443\n' }).config.listen, [{ host: undefined, port: 4443 }]);
});

test("'none' empties a list and 'auto' gives one back, so that a flag can undo what the file says", () => {
  assert.deepEqual(load({ flags: { dns: ['none'] } }).config.dns, []);
  assert.deepEqual(load({ yaml: 'dns: []\n' }).config.dns, []);
  assert.equal(load({ yaml: 'dns: [1.1.1.1]\n', flags: { dns: ['auto'] } }).config.dns, undefined);
  assert.equal(
    load({ yaml: 'pool: { ipv6: "fd00::/48" }\n', flags: { 'pool.ipv6': 'none' } }).config.pool.ipv6,
    undefined,
  );
});

test('paths are absolute: from the folder of the file that has them, else from the current directory', () => {
  const yaml = 'data: state\ntls: { cert: certs/c.pem, key: /abs/k.pem }\n';
  const fromFile = load({ yaml }).config;
  assert.equal(fromFile.data, join(folder, 'state'));
  assert.deepEqual(fromFile.tls.cert, [join(folder, 'certs/c.pem')]);
  assert.deepEqual(fromFile.tls.key, ['/abs/k.pem']);
  assert.equal(load({ yaml, flags: { data: 'state' } }).config.data, resolve('state'));
  assert.equal(load({ env: { SSTPD_DATA: './x' } }).config.data, resolve('x'));
});

test('the configuration is frozen to its leaves', () => {
  const { config } = load({ flags: { listen: ['443'] } });
  for (const part of [config, config.tls, config.listen, config.listen[0], config.auth.methods]) {
    assert.ok(Object.isFrozen(part));
  }
});

test('pools and addresses arrive as numbers and bytes', () => {
  const { config } = load({
    yaml: 'pool: { ipv4: 10.20.30.0/24, ipv6: "fd12:3456:789a::/48" }\ndns6: ["2001:db8::53"]\nwins: 10.0.0.5\n',
  });
  assert.deepEqual(config.pool.ipv4, { address: 0x0a141e00, prefixLength: 24 });
  const prefix = Uint8Array.of(0xfd, 0x12, 0x34, 0x56, 0x78, 0x9a, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
  assert.deepEqual(config.pool.ipv6, { address: prefix, prefixLength: 48 });
  assert.deepEqual(config.dns6, [Uint8Array.of(0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x53)]);
  assert.deepEqual(config.wins, [0x0a000005]);
});

/** Values that each key refuses; a key without a line here fails the test below. */
const REFUSED: Readonly<Record<string, readonly string[]>> = {
  data: ['"a\\0b"', '7', '[a]'],
  hosts: ['"a b"', '1.2.3', '[a, a]', 'true'],
  listen: ['70000', '-1', 'x:443', '"1.2.3:443"', '"::1:443"', '[]', 'none', '1.5', '[443, 443]'],
  'tls.cert': ['7', '"a\\0"', '[a, 7]', '"a,,b"'],
  'tls.key': ['7', '[a, none, ""]'],
  'tls.acme.enabled': ['maybe'],
  'tls.acme.agreeTos': ['1'],
  'tls.acme.email': ['me', '"a b@example.com"', '"a@b@c"', '1'],
  'tls.acme.directory': ['"http://ca.example/dir"', 'ca.example', '"https://user@ca.example/"'],
  'tls.acme.challenge': ['dns-01', '[tls-alpn-01]'],
  'tls.minVersion': ['TLSv1.1', '1.2', '[TLSv1.2]'],
  'tls.maxVersion': ['TLSv1.1', '1.3'],
  'tls.ciphers': ['""', '"a b"', '1'],
  'tls.handshakeMs': ['99', '3600001', '10s', '.nan', '-5', '1.5', '.inf', 'true', '"0x200"', '"500 "'],
  'admin.listen': ['8443', '"*:8443"', 'vpn.example:8443', '127.0.0.1', '127.0.0.1:70000', 'none', '[1, 2]'],
  'http.preambleMs': ['99', '10s'],
  'offload.listen': ['70000', 'x:443', '[443, 443]'],
  'offload.certSha256': ['abc', `${'a'.repeat(63)}g`, `"${'a'.repeat(40)}"`, '7'],
  'offload.certSha1': [`"${'a'.repeat(64)}"`, '""'],
  'http.fallback': [
    'site',
    './site',
    '403',
    'ftp://x',
    'http://',
    'http://a/b',
    'http://u:p@a',
    '"http://a b"',
    '[page]',
  ],
  'portal.enabled': ['maybe'],
  'portal.path': [
    '/',
    'portal',
    '/portal/',
    '//portal',
    '/a b',
    '/.well-known',
    '/a/../b',
    '/a/b/c/d/e',
    '"/a?b"',
    '"/%61"',
  ],
  'portal.host': ['"*.example.com"', '192.0.2.1', '"::1"', '"a b"', '[a, b]'],
  'profile.name': ['""', '" a"', '"a "', '"a/b"', '"a]"', '"a\\nb"', '"a\\u2028b"', '"a\\u2019b"', '7'],
  'profile.routes': ['10.0.0.1/8', '"::1/64"', 'all', '[10.0.0.0/8, 10.0.0.0/8]'],
  'profile.dnsSuffix': ['.example.com', '"a b"', '-a', '"a;b"', '"a\'b"'],
  'profile.alwaysOn': ['ja'],
  'proxy.from': ['10.0.0.1/8', '10.0.0.0/33', 'localhost', '"::1/64"', '[192.0.2.1, 192.0.2.1/32]'],
  'pool.ipv4': [
    '10.0.0.0',
    '10.0.0.1/24',
    '10.0.0.0/31',
    '10.0.0.0/7',
    '127.0.0.0/8',
    '224.0.0.0/8',
    '0.0.0.0/8',
    '"fd00::/48"',
  ],
  'pool.ipv6': ['"fd00::/64"', '"fd00::/32"', '"fd00::1/48"', '"fe80::/48"', '"ff00::/48"', '"::/48"', '10.0.0.0/24'],
  'pool.clientChoice': ['maybe', '2'],
  'pool.fixed': ['10.0.0.1/24', '127.0.0.0/8', '169.254.7.0/24', '224.0.0.0/24', '0.0.0.0/0', '"fd00::/48"', 'any'],
  dns: ['1.1.1', '127.0.0.1', '0.0.0.0', '224.0.0.1', '[1.1.1.1, 9.9.9.9, 8.8.8.8]', '[1.1.1.1, 1.1.1.1]', '"::1"'],
  dns6: ['"::1"', '"fe80::1"', '1.1.1.1', '["2001:db8::1", "2001:db8:0::1"]'],
  wins: ['[1.1.1.1, 1.1.1.2, 1.1.1.3]', 'x'],
  'auth.methods': ['mschap', 'none', '[]', '[pap, pap]', 'MSCHAPv2', '"pap,"'],
  'auth.retries': ['-1', '11'],
  'auth.codePages': ['1252', 'utf-8', 'cp1251,cp1251', 'CP1251'],
  'auth.timeoutMs': ['0'],
  'users.keep': ['hash', 'true'],
  'users.maxPerUser': ['0', '65536'],
  'network.tun': ['""', '"a/b"', 'abcdefghijklmnop', '"%d%d"', '"a%db"', '.', '..', '"a b"'],
  'network.mtu': ['575', '1501', '1400.5'],
  'network.nat': ['maybe', '2', '1', '[true]'],
  'network.isolate': ['ja'],
  'network.inbound': ['maybe', '[true]'],
  'network.hostAccess': ['ssh', '22', 'tcp', 'tcp/0', 'tcp/65536', 'sctp/9', 'icmp/8', '[icmp, icmp]', '[all, icmp]'],
  'network.deny': ['10.0.0.1/8', 'metadata', '[10.0.0.0/8, 10.0.0.0/8]'],
  'network.offload': ['on', 'none'],
  'tcp.congestion': ['""', 'BBR', '"a b"', 'sixteen-letters-x'],
  'limits.connections': ['0', '1000001'],
  'limits.unauthenticated': ['0'],
  'limits.unauthenticatedPerAddress': ['0'],
  'limits.flowsPerClient': ['-1', '1000001', 'many'],
  'limits.queueBytes': ['65535', '67108865', '1MiB'],
  'limits.queuesBytes': ['1048575', '2147483648'],
  'explain.keep': ['0', '100001', 'all'],
  'explain.keepPerPeer': ['0', '10001', '-1'],
  'sstp.negotiationMs': ['0'],
  'sstp.helloMs': ['0'],
  'ppp.startDelayMs': ['-1', '60001'],
  'ppp.restartMs': ['99'],
  'ppp.echoIntervalMs': ['99'],
  'metrics.listen': ['9100', '"*:9100"', 'x:9100', '"127.0.0.1"', '"127.0.0.1:70000"', '"::1:9100"', '[a, b]'],
  'metrics.hosts': ['"a b"', '[a.example, A.example]'],
  'metrics.users': ['maybe'],
  'hooks.up': ['7', '"a\\0"', '[a]'],
  'hooks.down': ['7', '""'],
  'hooks.upRequired': ['perhaps'],
  'hooks.timeoutMs': ['99', '600001', '10s'],
  'hooks.webhooks': ['ftp://x', 'x', 'https://u:p@x', '"https://a b"', '[https://x, https://x]', 'https://'],
  'hooks.secretFile': ['7', '[a]'],
  'log.level': ['trace', 'INFO'],
  'log.format': ['text'],
  'run.user': ['"a b"', '-x', '12345678901', 'true'],
  'run.link': ['maybe', '0'],
  'run.cage': ['on', 'none', '1'],
  'run.workers': ['65', '-1', 'many', '1.5'],
};

test('each key refuses bad values in one line: key, value, what is allowed, where it came from', () => {
  for (const { key, type } of describeSchema()) {
    const values = REFUSED[key];
    assert.ok(values !== undefined, `no bad value for ${key}`);
    for (const value of values) {
      const yaml = key
        .split('.')
        .map((part, depth, parts) => `${'  '.repeat(depth)}${part}:${depth === parts.length - 1 ? ` ${value}` : ''}\n`)
        .join('');
      const { message, origin } = refusal({ yaml });
      const path = join(folder, 'sstpd.yaml');
      assert.ok(message.startsWith(`${key}: `), message);
      assert.ok(message.endsWith(`must be ${type} (file ${path})`), message);
      assert.equal(origin, `file ${path}`);
    }
  }
});

test('always on needs a DNS suffix, which is what starts the connection', () => {
  const { message, origin } = refusal({ flags: { 'profile.alwaysOn': true } });
  assert.match(message, /^profile\.alwaysOn \(flag --profile-always-on\) needs profile\.dnsSuffix: /);
  assert.equal(origin, 'flag --profile-always-on');
  assert.equal(load({ yaml: 'profile: { alwaysOn: true, dnsSuffix: corp.example }' }).config.profile.alwaysOn, true);
});

test('a listener without TLS needs the hash of the certificate in front, and a place of its own', () => {
  const sha256 = `${'AB:'.repeat(31)}CD`;
  assert.match(
    refusal({ flags: { 'offload.listen': ['8080'] } }).message,
    /^offload\.listen .* offload\.certSha256 is not/,
  );
  const { config } = load({ flags: { 'offload.listen': ['127.0.0.1:8080'], 'offload.certSha256': sha256 } });
  assert.equal(config.frontend.certSha256, `${'ab'.repeat(31)}cd`);
  const same = { listen: ['8080'], 'offload.listen': ['127.0.0.1:8080'], 'offload.certSha256': sha256 };
  assert.match(refusal({ flags: same }).message, /^offload\.listen .*collide/);
  const twice = { 'offload.listen': ['8080', '127.0.0.1:8080'], 'offload.certSha256': sha256 };
  assert.match(refusal({ flags: twice }).message, /^offload\.listen .*collide/);
});

test('webhooks need a secret, and upRequired something to run', () => {
  const hooks = { 'hooks.webhooks': ['https://x.example/a?b=c', 'http://127.0.0.1:8080'] };
  assert.match(
    refusal({ flags: hooks }).message,
    /^hooks\.webhooks \(flag --webhook\) is set, but hooks\.secretFile is not/,
  );
  const { config } = load({ flags: { ...hooks, 'hooks.secretFile': '/s' } });
  assert.deepEqual(config.hooks.webhooks, hooks['hooks.webhooks']);
  assert.match(refusal({ yaml: 'hooks: { upRequired: true }\n' }).message, /^hooks\.upRequired .* hooks\.up is not/);
});

test('what a hook is given may stand in the environment of our commands', () => {
  load({ env: { SSTPD_HOOK_SESSION: '01020304' } });
  assert.match(refusal({ env: { SSTPD_HOOKS_SESSION: 'x' } }).message, /^SSTPD_HOOKS_SESSION: unknown/);
});

test('a bad value names the flag or the environment variable it came from', () => {
  assert.equal(
    refusal({ flags: { 'network.mtu': '99999' } }).message,
    'network.mtu: "99999" must be a whole number of bytes from 576 to 1500 (flag --mtu)',
  );
  assert.equal(
    refusal({ env: { SSTPD_LOG_LEVEL: 'loud' } }).message,
    "log.level: \"loud\" must be 'debug', 'info', 'warn' or 'error' (environment SSTPD_LOG_LEVEL)",
  );
});

test('chap with stored NT hashes is refused: CHAP-MD5 needs the password (RFC 1994 2)', () => {
  const { message } = refusal({ flags: { 'auth.methods': 'mschapv2,chap' }, env: { SSTPD_USERS_KEEP: 'nt-hash' } });
  assert.match(message, /^auth\.methods \(flag --auth\): 'chap' .* users\.keep \(environment SSTPD_USERS_KEEP\)/);
  assert.deepEqual(
    load({ env: { SSTPD_USERS_KEEP: 'nt-hash', SSTPD_AUTH_METHODS: 'mschapv2,pap' } }).config.users.keep,
    'nt-hash',
  );
});

test('a cage that is required needs a worker to shut in', () => {
  const { message } = refusal({ flags: { 'run.workers': '0' }, env: { SSTPD_RUN_CAGE: 'require' } });
  assert.match(message, /^run\.cage \(environment SSTPD_RUN_CAGE\): 'require' .* run\.workers \(flag --workers\) is 0/);
  for (const cage of ['auto', 'off']) {
    assert.equal(load({ flags: { 'run.workers': '0' }, env: { SSTPD_RUN_CAGE: cage } }).config.run.workers, 0);
  }
});

test('a certificate without its key, and a key without its certificate, are refused', () => {
  assert.match(
    refusal({ flags: { 'tls.cert': 'c.pem' } }).message,
    /^tls\.cert \(flag --cert\) is set, but tls\.key is not/,
  );
  assert.match(
    refusal({ flags: { 'tls.key': 'k.pem' } }).message,
    /^tls\.key \(flag --key\) is set, but tls\.cert is not/,
  );
  const { message } = refusal({ yaml: 'tls: { cert: [a.pem, b.pem] }\n', flags: { 'tls.key': ['a.key'] } });
  assert.match(
    message,
    /^tls\.cert \(file .*\) has 2 files and tls\.key \(flag --key\) 1 file: each certificate needs/,
  );
});

test('a newest TLS version below the oldest is refused', () => {
  const { message } = refusal({ env: { SSTPD_TLS_MIN_VERSION: 'TLSv1.3', SSTPD_TLS_MAX_VERSION: 'TLSv1.2' } });
  assert.match(message, /^tls\.minVersion \(.*\) is newer than tls\.maxVersion \(.*\): no version is left$/);
});

test('ACME: what it needs, and what it excludes', () => {
  const acme = { 'tls.acme.enabled': true, 'tls.acme.agreeTos': true, hosts: ['vpn.example.com'] };
  const cases: readonly [FlagValues, RegExp][] = [
    [
      { 'tls.acme.agreeTos': false },
      /^tls\.acme\.enabled \(flag --acme\) needs tls\.acme\.agreeTos: read the terms .*letsencrypt/,
    ],
    [{ hosts: 'none' }, /^tls\.acme\.enabled \(flag --acme\) needs hosts/],
    [{ hosts: ['vpn.example.com', '192.0.2.1'] }, /^hosts \(flag --host\): '192\.0\.2\.1' must be a full DNS name/],
    [{ hosts: ['*.example.com'] }, /'\*\.example\.com' must be a full DNS name/],
    [{ hosts: ['vpn'] }, /'vpn' must be a full DNS name/],
    [{ 'tls.cert': 'a', 'tls.key': 'b' }, /^tls\.acme\.enabled \(flag --acme\) and tls\.cert \(flag --cert\) exclude/],
  ];
  for (const [flags, error] of cases) assert.match(refusal({ flags: { ...acme, ...flags } }).message, error);
  const yaml =
    'tls:\n  acme:\n    enabled: true\n    agreeTos: yes\n    email: me@example.com\nhosts: vpn.example.com\n';
  assert.equal(load({ yaml: yaml.replace('yes', '"yes"') }).config.tls.acme.email, 'me@example.com');
  assert.match(
    refusal({ yaml: 'tls: { acme: { mail: x } }\n' }).message,
    /^tls\.acme\.mail: unknown key, the nearest is tls\.acme\.email/,
  );
  assert.match(refusal({ yaml: 'tls: { acme: true }\n' }).message, /^tls\.acme: true must be keys and values/);
  assert.match(refusal({ yaml: 'tls: { acme.email: x@y }\n' }).message, /^tls\.acme\.email: must be written as/);
});

test('several certificates: a list in the file, flags that are repeated, or commas in the environment', () => {
  const wanted = [resolve('a.pem'), resolve('b.pem')];
  const keys = { 'tls.key': ['a.key', 'b.key'] };
  assert.deepEqual(load({ flags: { 'tls.cert': ['a.pem', 'b.pem'], ...keys } }).config.tls.cert, wanted);
  assert.deepEqual(load({ env: { SSTPD_TLS_CERT: 'a.pem, b.pem' }, flags: keys }).config.tls.cert, wanted);
  const yaml = 'tls:\n  cert: [a.pem, "b,c.pem"]\n  key: [one.key, one.key]\n';
  const { tls } = load({ yaml }).config;
  assert.deepEqual(tls.cert, [join(folder, 'a.pem'), join(folder, 'b,c.pem')]);
  assert.deepEqual(tls.key, [join(folder, 'one.key'), join(folder, 'one.key')], 'one key may serve two certificates');
  assert.deepEqual(load({ yaml, env: {}, flags: { 'tls.cert': 'none', 'tls.key': 'none' } }).config.tls.cert, []);
});

test('proxies are none of the addresses that clients have, who could name themselves as they like', () => {
  const yaml = (text: string) => refusal({ yaml: text }).message;
  const pool = 'pool: { ipv4: 10.9.0.0/24, ipv6: "fd00::/48", fixed: [172.31.9.0/24] }\n';
  for (const [from, says] of [
    ['10.9.0.7/32', 'pool.ipv4'],
    ['10.0.0.0/8', 'pool.ipv4'],
    ['0.0.0.0/0', 'pool.ipv4'],
    ['172.31.9.9/32', 'pool.fixed'],
    ['fd00:0:0:5::/64', 'pool.ipv6'],
    ['::/0', 'pool.ipv6'],
    ['fe80::1234/128', 'the link-local addresses of clients'],
  ]) {
    assert.match(
      yaml(`${pool}proxy: { from: "${from}" }`),
      new RegExp(`^proxy\\.from .*'${from}' overlaps ${says}, so each`),
    );
  }
  assert.doesNotThrow(() =>
    loadConfig({ flags: {}, env: {}, file: file(`${pool}proxy: { from: [10.9.1.0/24, "fd01::/48"] }`) }),
  );
});

test("listeners that would collide at bind are refused, ports of the kernel's choice are not", () => {
  for (const pair of [
    ['443', '1.2.3.4:443'],
    ['1.2.3.4:443', '*:443'],
    ['0.0.0.0:443', '1.2.3.4:443'],
    ['[::]:443', '0.0.0.0:443'],
    ['443', '[::1]:443'],
  ]) {
    assert.match(refusal({ flags: { listen: pair } }).message, /^listen \(flag --listen\): .* collide/);
  }
  for (const pair of [
    ['443', '4443'],
    ['1.2.3.4:443', '[::1]:443'],
    ['0.0.0.0:443', '[::1]:443'],
    ['127.0.0.1:0', '0'],
  ]) {
    assert.equal(load({ flags: { listen: pair } }).config.listen.length, 2);
  }
  assert.match(
    refusal({ flags: { listen: ['8443'] } }).message,
    /^admin\.listen \(default\): '8443' and '127\.0\.0\.1:8443' collide.*; choose another with --admin ADDR:PORT, or give --admin off$/,
  );
  assert.equal(load({ flags: { listen: ['8443'], 'admin.listen': 'off' } }).config.admin.listen, undefined);
});

test('an IPv6 pool needs an MTU of 1280 (RFC 8200 5)', () => {
  const yaml = 'pool: { ipv6: "fd00::/48" }\n';
  assert.match(
    refusal({ yaml, flags: { 'network.mtu': '1279' } }).message,
    /^network\.mtu \(flag --mtu\): 1279 .* 1280/,
  );
  assert.equal(load({ yaml, flags: { 'network.mtu': '1280' } }).config.network.mtu, 1280);
});

test('the schema describes each key, with environment names that do not collide', () => {
  const rows = describeSchema();
  assert.equal(new Set(rows.map((row) => row.env)).size, rows.length);
  assert.deepEqual(
    rows.find((row) => row.key === 'limits.unauthenticatedPerAddress'),
    {
      key: 'limits.unauthenticatedPerAddress',
      type: 'a whole number from 1 to 1000000',
      default: '32',
      env: 'SSTPD_LIMITS_UNAUTHENTICATED_PER_ADDRESS',
      flag: undefined,
      doc: 'The same for one address. IPv6: one /64; a /56 has twice, a /48 four times as many.',
      applies: 'start',
    },
  );
  assert.deepEqual(
    configFlags().map(({ flag }) => flag.name),
    [
      'data',
      'host',
      'listen',
      'cert',
      'key',
      'acme',
      'acme-agree-tos',
      'acme-email',
      'offload-listen',
      'offload-sha256',
      'offload-sha1',
      'admin',
      'fallback',
      'no-portal',
      'portal-path',
      'portal-host',
      'profile-name',
      'profile-route',
      'profile-dns-suffix',
      'profile-always-on',
      'proxy-from',
      'pool',
      'pool6',
      'pool-fixed',
      'dns',
      'auth',
      'mtu',
      'no-nat',
      'isolate',
      'inbound',
      'host-access',
      'deny',
      'tun-offload',
      'metrics',
      'hook-up',
      'hook-down',
      'webhook',
      'webhook-secret',
      'log-level',
      'workers',
      'no-link',
    ],
  );
});

test('showConfig writes values so that a file with them loads as the same configuration', () => {
  const yaml =
    'pool: { ipv4: 10.9.0.0/16, ipv6: "fd00::/48" }\ndns: 1.1.1.1\nlisten: ["[::1]:443", 1.2.3.4:5]\nhosts: [a.example, "*.b"]\noffload: { certSha1: none }\n';
  const { config, origins } = load({ yaml });
  const rows = showConfig(config, origins);
  assert.deepEqual(rows.find((row) => row.key === 'listen')?.value, ['[::1]:443', '1.2.3.4:5']);
  assert.deepEqual(loadShown(rows).config, config);
  assert.equal(loadShown(rows, { data: '/elsewhere' }).config.data, '/elsewhere');
});

test('of secrets the configuration shows nothing, and what it shows can be loaded', () => {
  const urls = ['https://chat.example/hooks/T0K3N', 'https://x.example?key=T0K3N', 'http://127.0.0.1:8080'];
  const veiled = ['https://chat.example/…', 'https://x.example/…', 'http://127.0.0.1:8080'];
  const { config, origins } = load({ flags: { 'hooks.webhooks': urls, 'hooks.secretFile': '/s' } });
  const rows = showConfig(config, origins);
  assert.deepEqual(rows.find(({ key }) => key === 'hooks.webhooks')?.value, veiled);
  assert.equal(rows.find(({ key }) => key === 'hooks.secretFile')?.value, '/s');
  assert.deepEqual(loadShown(rows).config, { ...config, hooks: { ...config.hooks, webhooks: veiled } });
});

test('a value that may have a secret in it is in no error', () => {
  const wanted = "'none' or a list of 0..8: each an http:// or https:// URL without a user name, none twice";
  for (const yaml of ['https://u:T0K3N@x', '[https://x/T0K3N, https://x/T0K3N]', '{ a: T0K3N }', '[[T0K3N]]']) {
    const { message } = refusal({ yaml: `hooks: { webhooks: ${yaml} }\n` });
    assert.doesNotMatch(message, /T0K3N/);
    assert.match(message, /^hooks\.webhooks: a value that is not shown here must be /);
  }
  assert.equal(
    refusal({ env: { SSTPD_HOOKS_WEBHOOKS: 'ftp://T0K3N' } }).message,
    `hooks.webhooks: a value that is not shown here must be ${wanted} (environment SSTPD_HOOKS_WEBHOOKS)`,
  );
});

test('flags arrive letter for letter: no number is made of a text, and a comma in one of several is its own', () => {
  const { config } = load({
    flags: { 'profile.name': '1.10', data: '/0x10', 'tls.cert': ['a,b', '1e3'], 'tls.key': ["'q'", '-x'] },
  });
  assert.equal(config.profile.name, '1.10');
  assert.equal(config.data, '/0x10');
  assert.deepEqual(config.tls.cert, [resolve('a,b'), resolve('1e3')]);
  assert.deepEqual(config.tls.key, [resolve("'q'"), resolve('-x')]);
  for (const text of ['0x500', '1e3', ' 1400', '1400.0', '"1400"']) refusal({ flags: { 'network.mtu': text } });
});

test('what each key shows of its default can be loaded, also where a secret is left out', () => {
  const { config, origins } = load({});
  for (const row of showConfig(config, origins)) assert.deepEqual(loadShown([row]).config, config, row.key);
});

test('an unknown key or a wrong shape is refused at each level of the schema', () => {
  const groups = new Set(
    describeSchema().flatMap(({ key }) => [...key.matchAll(/\./g)].map(({ index }) => key.slice(0, index))),
  );
  const nested = (key: string, value: string): string =>
    key.split('.').reduceRight((inner, part) => `{ ${part}: ${inner} }`, value);
  for (const group of groups) {
    for (const name of ['zzz', '__proto__', 'constructor', 'prototype', '"a.b"', '""', '0']) {
      const plain = name.replaceAll('"', '');
      const { message } = refusal({ yaml: nested(group, `{ ${name}: { x: { y: 1 } } }`) });
      assert.ok(message.startsWith(`${group}.${plain}: unknown key, the nearest is `), message);
    }
    for (const value of ['5', 'text', '[1]', '[{ a: 1 }]', 'true']) {
      assert.match(
        refusal({ yaml: nested(group, value) }).message,
        new RegExp(`^${group}: .* must be keys and values`),
      );
    }
    assert.deepEqual(load({ yaml: nested(group, '') }).config, load({}).config);
  }
  for (const { key } of describeSchema()) {
    for (const value of ['{ a: 1 }', '{ a: { b: { c: 1 } } }', '[[1]]', '[{ a: 1 }]', '{ __proto__: 1 }']) {
      const { message } = refusal({ yaml: nested(key, value) });
      assert.match(message, /^\S+: .* must be one value or a plain list \(file /);
      assert.ok(message.startsWith(`${key}: `), message);
    }
  }
  for (const length of [100, 100_000]) assert.ok(refusal({ yaml: `${'x'.repeat(length)}: 1` }).message.length < 300);
});

test('any text in the environment or a flag loads or ends in one line (property)', () => {
  const rows = describeSchema();
  const text = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 200 }),
    fc.constantFrom('none', 'auto', '443', 'fd00::/48'),
  );
  fc.assert(
    fc.property(fc.constantFrom(...rows), text, fc.boolean(), ({ key, env }, value, isFlag) => {
      try {
        loadConfig(isFlag ? { flags: { [key]: value }, env: {} } : { flags: {}, env: { [env ?? key]: value } });
      } catch (error) {
        assert.ok(error instanceof ConfigError);
        assert.doesNotMatch(error.message, /[\p{Cc}\u2028\u2029]/u);
        assert.ok(error.message.length < 500, error.message);
      }
    }),
    { numRuns: 200 },
  );
});
