/** The VPN servers that sstpd is compared with, from Debian's packages, with AES-256-GCM or what they have. */
import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Lab, SERVER_ADDRESS } from './lab.ts';
import { LineProcess, missingCommand, SERVER_CORE } from './processes.ts';
import { MOST_CLIENTS, servingOf, TUNNEL_MTU, TUNNEL_NETWORK, TUNNEL_SERVER, type Vpn } from './vpn.ts';

export function makePeers(lab: Lab): Vpn[] {
  const certificates = new Certificates(join(lab.folder, 'peers'));
  return [
    openVpn('tcp', certificates),
    openVpn('udp', certificates),
    openConnect(certificates),
    wireGuard(join(lab.folder, 'wireguard')),
  ];
}

/** An authority, a server certificate and a client certificate, ECDSA P-256, made at the first use. */
class Certificates {
  readonly folder: string;

  constructor(folder: string) {
    this.folder = folder;
  }

  file(name: string): string {
    if (!existsSync(this.folder)) this.#make();
    return join(this.folder, name);
  }

  #make(): void {
    mkdirSync(this.folder);
    const openssl = (...words: string[]): void =>
      void execFileSync('openssl', words, { cwd: this.folder, stdio: 'pipe' });
    const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
    openssl('req', '-x509', ...key, '-keyout', 'ca.key', '-out', 'ca.pem', '-days', '30', '-subj', '/CN=bench');
    for (const [name, purpose] of [
      ['server', 'serverAuth'],
      ['client', 'clientAuth'],
    ] as const) {
      openssl('req', ...key, '-keyout', `${name}.key`, '-out', `${name}.csr`, '-subj', `/CN=${name}`);
      const extensions = `subjectAltName=IP:${SERVER_ADDRESS}\nextendedKeyUsage=${purpose}\n`;
      writeFileSync(join(this.folder, `${name}.ext`), extensions);
      const signer = ['-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-days', '30'];
      openssl('x509', '-req', '-in', `${name}.csr`, '-out', `${name}.pem`, '-extfile', `${name}.ext`, ...signer);
    }
  }
}

function openVpn(over: 'tcp' | 'udp', certificates: Certificates): Vpn {
  return {
    name: `openvpn-${over}`,
    missing: missingCommand('openvpn', 'openvpn'),
    over,
    serve: async (server) => {
      const identity = (role: string): string[] => [
        ...['--ca', certificates.file('ca.pem')],
        ...['--cert', certificates.file(`${role}.pem`), '--key', certificates.file(`${role}.key`)],
      ];
      const tunnel = [
        '--dev',
        'tun',
        '--tun-mtu',
        String(TUNNEL_MTU),
        '--data-ciphers',
        'AES-256-GCM',
        '--disable-dco',
      ];
      const child = new LineProcess(
        [
          ...['openvpn', '--server', TUNNEL_NETWORK, '255.255.255.0', '--topology', 'subnet', '--duplicate-cn'],
          ...['--proto', over === 'tcp' ? 'tcp-server' : 'udp', '--port', '1194', '--dh', 'none'],
          ...['--keepalive', '10', '60', ...identity('server'), ...tunnel],
        ],
        { netns: server, core: SERVER_CORE },
      );
      await child.hear((line) => line.includes('Initialization Sequence Completed'));
      return servingOf(child, async (client) => {
        const remote = ['--client', '--nobind', '--remote', SERVER_ADDRESS, '1194', '--connect-retry', '1'];
        const proto = ['--proto', over === 'tcp' ? 'tcp-client' : 'udp'];
        return new LineProcess(['openvpn', ...remote, ...proto, ...identity('client'), ...tunnel], { netns: client });
      });
    },
  };
}

/** TLS only: without a UDP port the server offers no DTLS. */
function openConnect(certificates: Certificates): Vpn {
  return {
    name: 'ocserv',
    missing: missingCommand('ocserv', 'ocserv') ?? missingCommand('openconnect', 'openconnect'),
    over: 'tcp',
    serve: async (server) => {
      const file = (name: string): string => certificates.file(name);
      const hash = execFileSync('openssl', ['passwd', '-5', PASSWORD], { encoding: 'utf8' });
      writeFileSync(file('users'), `bench:*:${hash}`);
      const script = file('tunnel.sh');
      writeFileSync(script, TUNNEL_SCRIPT);
      chmodSync(script, 0o755);
      writeFileSync(
        file('ocserv.conf'),
        [
          `auth = "plain[passwd=${file('users')}]"`,
          'tcp-port = 443',
          'run-as-user = root',
          'run-as-group = root',
          `socket-file = ${file('ocserv.sock')}`,
          `server-cert = ${file('server.pem')}`,
          `server-key = ${file('server.key')}`,
          'isolate-workers = false',
          'max-clients = 0',
          'max-same-clients = 0',
          'rate-limit-ms = 0',
          'keepalive = 300',
          'try-mtu-discovery = false',
          'compression = false',
          'tls-priorities = "NORMAL:%SERVER_PRECEDENCE:-CIPHER-ALL:+AES-256-GCM"',
          'auth-timeout = 60',
          'max-ban-score = 0',
          'cookie-timeout = 300',
          `pid-file = ${file('ocserv.pid')}`,
          'device = ocs',
          'predictable-ips = false',
          `ipv4-network = ${TUNNEL_NETWORK}`,
          'ipv4-netmask = 255.255.255.0',
          `mtu = ${TUNNEL_MTU}`,
          `route = ${TUNNEL_NETWORK}/255.255.255.0`,
          '',
        ].join('\n'),
      );
      const command = ['ocserv', '--foreground', '--log-stderr', '--config', file('ocserv.conf')];
      const child = new LineProcess(command, { netns: server, core: SERVER_CORE });
      await child.hear((line) => line.includes('listening (TCP)'));
      return servingOf(child, async (client) => {
        const trust = ['--cafile', file('ca.pem'), '--user', 'bench', '--passwd-on-stdin', '--non-inter'];
        const tunnel = ['--no-dtls', '--mtu', String(TUNNEL_MTU), '--script', script, '--interface', 'oc0'];
        const dial = ['openconnect', '--protocol=anyconnect', ...trust, ...tunnel, `https://${SERVER_ADDRESS}`];
        return new LineProcess(dial, { netns: client, input: `${PASSWORD}\n` });
      });
    },
  };
}

const PASSWORD = 'a password for the bench';

/** openconnect says through the environment what to set up. */
const TUNNEL_SCRIPT = `#!/bin/sh
[ "$reason" = connect ] || exit 0
ip link set dev "$TUNDEV" up mtu "$INTERNAL_IP4_MTU"
ip address add "$INTERNAL_IP4_ADDRESS/24" dev "$TUNDEV"
`;

/** ChaCha20-Poly1305 is all that it has. In user space, as its name says; the kernel's is another program. */
function wireGuard(folder: string): Vpn {
  return {
    name: 'wireguard-go',
    missing: missingCommand('wireguard-go', 'wireguard-go') ?? missingCommand('wg', 'wireguard-tools'),
    over: 'udp',
    serve: async (server) => {
      mkdirSync(folder, { recursive: true });
      const serverKey = newKey();
      const clientKeys = Array.from({ length: MOST_CLIENTS }, newKey);
      const peers = clientKeys.map((key, i) => peer(key.public, `AllowedIPs = ${insideOf(i)}/32`));
      const config = join(folder, 'server.conf');
      writeFileSync(config, `${own(serverKey.private, 'ListenPort = 51820')}${peers.join('')}`, { mode: 0o600 });
      const child = wireGuardProcess(`wgs${process.pid}`, config, TUNNEL_SERVER, { netns: server, core: SERVER_CORE });
      await child.hear((line) => line === 'configured');
      return servingOf(child, async (client, index) => {
        const clientConfig = join(folder, `client${index}.conf`);
        const endpoint = `Endpoint = ${SERVER_ADDRESS}:51820\nAllowedIPs = ${TUNNEL_NETWORK}/24`;
        const key = clientKeys[index] ?? newKey();
        writeFileSync(clientConfig, `${own(key.private, '')}${peer(serverKey.public, endpoint)}`, { mode: 0o600 });
        return wireGuardProcess(`wgc${process.pid}x${index}`, clientConfig, insideOf(index), { netns: client });
      });
    },
  };
}

function insideOf(index: number): string {
  return TUNNEL_NETWORK.replace(/0$/, String(index + 2));
}

function own(key: string, more: string): string {
  return `[Interface]\nPrivateKey = ${key}\n${more}\n`;
}

function peer(key: string, more: string): string {
  return `[Peer]\nPublicKey = ${key}\n${more}\n`;
}

function newKey(): { private: string; public: string } {
  const key = execFileSync('wg', ['genkey'], { encoding: 'utf8' });
  return { private: key.trim(), public: execFileSync('wg', ['pubkey'], { encoding: 'utf8', input: key }).trim() };
}

/** The program and its configuration in one process, which passes SIGTERM on: then it removes its control socket. */
function wireGuardProcess(
  device: string,
  config: string,
  address: string,
  place: { readonly netns: string; readonly core?: number },
): LineProcess {
  const script = `
    rm -f /var/run/wireguard/${device}.sock
    wireguard-go -f ${device} & child=$!
    trap 'kill $child' TERM
    until wg setconf ${device} ${config} 2>/dev/null; do sleep 0.005; kill -0 $child || exit 1; done
    ip address add ${address}/24 dev ${device}
    ip link set ${device} up mtu ${TUNNEL_MTU}
    echo configured
    wait $child
    wait $child`;
  return new LineProcess(['sh', '-c', script], {
    ...place,
    env: { LOG_LEVEL: 'error', WG_I_PREFER_BUGGY_USERSPACE_TO_POLISHED_KMOD: '1' },
  });
}
