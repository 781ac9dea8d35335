import { isIP } from 'node:net';
import { type Ipv6Cidr, ipv4CidrsOverlap, ipv6InCidr, parseIpv6 } from '../../core/index.ts';
import type { Config } from './config.ts';
import { ConfigError } from './error.ts';
import { type ListenAddress, listenAddress, network } from './format.ts';

/**
 * What no key can say alone.
 *
 * @throws {ConfigError} naming both keys and where they came from
 */
export function checkConfig(config: Config, origins: ReadonlyMap<string, string>): void {
  const from = (key: string): string => `${key} (${origins.get(key) ?? 'default'})`;
  checkCertificate(config, from);
  checkAcme(config, from);
  if (config.tls.minVersion > config.tls.maxVersion) {
    throw new ConfigError(`${from('tls.minVersion')} is newer than ${from('tls.maxVersion')}: no version is left`);
  }
  checkFrontend(config, from);
  checkListen(config, from);
  checkProxies(config, origins, from);
  checkHooks(config, from);
  if (config.profile.alwaysOn && config.profile.dnsSuffix === undefined) {
    throw new ConfigError(
      `${from('profile.alwaysOn')} needs profile.dnsSuffix: that a name below it is asked for is what makes Windows connect (--profile-dns-suffix NAME)`,
      origins.get('profile.alwaysOn'),
    );
  }
  if (config.run.cage === 'require' && config.run.workers === 0) {
    throw new ConfigError(
      `${from('run.cage')}: 'require' needs a worker to shut in, and ${from('run.workers')} is 0; take one back`,
      origins.get('run.workers'),
    );
  }
  if (config.auth.methods.includes('chap') && config.users.keep === 'nt-hash') {
    throw new ConfigError(
      `${from('auth.methods')}: 'chap' needs the password itself, but ${from('users.keep')} is 'nt-hash'; take one back`,
      origins.get('auth.methods'),
    );
  }
  if (config.pool.ipv6 !== undefined && config.network.mtu < 1280) {
    throw new ConfigError(
      `${from('network.mtu')}: ${config.network.mtu} is too small for IPv6, which needs 1280 (RFC 8200 5), and ${from('pool.ipv6')} is set`,
      origins.get('network.mtu'),
    );
  }
}

/** Clients dial the VPN port through the tunnel too, where a PROXY header would let each name itself as it likes. */
function checkProxies(
  { proxy, pool }: Config,
  origins: ReadonlyMap<string, string>,
  from: (key: string) => string,
): void {
  const linkLocal = { address: parseIpv6('fe80::') ?? new Uint8Array(16), prefixLength: 10 };
  for (const one of proxy.from) {
    const clash =
      one.family === 'ipv4'
        ? (pool.ipv4 && ipv4CidrsOverlap(one, pool.ipv4) && 'pool.ipv4') ||
          (pool.fixed.some((fixed) => ipv4CidrsOverlap(one, fixed)) && 'pool.fixed')
        : (pool.ipv6 && ipv6CidrsOverlap(one, pool.ipv6) && 'pool.ipv6') ||
          (ipv6CidrsOverlap(one, linkLocal) && 'the link-local addresses of clients');
    if (!clash) continue;
    throw new ConfigError(
      `${from('proxy.from')}: '${network.show(one)}' overlaps ${clash}, so each client could name itself as it likes: name the proxies alone`,
      origins.get('proxy.from'),
    );
  }
}

function ipv6CidrsOverlap(a: Ipv6Cidr, b: Ipv6Cidr): boolean {
  return ipv6InCidr(a.address, b) || ipv6InCidr(b.address, a);
}

/** Without the hash every login there would end at the Crypto Binding. */
function checkFrontend({ frontend }: Config, from: (key: string) => string): void {
  if (frontend.listen.length === 0 || frontend.certSha256 !== undefined) return;
  throw new ConfigError(
    `${from('offload.listen')} is set, but offload.certSha256 is not: give the hash that openssl x509 -noout -fingerprint -sha256 prints for the certificate in front`,
  );
}

function checkCertificate(config: Config, from: (key: string) => string): void {
  const { cert, key } = config.tls;
  if (cert.length > 0 && key.length === 0) {
    throw new ConfigError(`${from('tls.cert')} is set, but tls.key is not: give both (--cert and --key) or none`);
  }
  if (cert.length === 0 && key.length > 0) {
    throw new ConfigError(`${from('tls.key')} is set, but tls.cert is not: give both (--cert and --key) or none`);
  }
  if (cert.length !== key.length) {
    throw new ConfigError(
      `${from('tls.cert')} has ${files(cert.length)} and ${from('tls.key')} ${files(key.length)}: each certificate needs its key, in the same order`,
    );
  }
}

function files(count: number): string {
  return count === 1 ? '1 file' : `${count} files`;
}

function checkAcme(config: Config, from: (key: string) => string): void {
  const { acme, cert } = config.tls;
  if (!acme.enabled) return;
  if (cert.length > 0) {
    throw new ConfigError(`${from('tls.acme.enabled')} and ${from('tls.cert')} exclude each other: take one back`);
  }
  if (!acme.agreeTos) {
    throw new ConfigError(
      `${from('tls.acme.enabled')} needs tls.acme.agreeTos: read the terms of service of ${acme.directory}, then set it to true (--acme-agree-tos)`,
    );
  }
  if (config.hosts.length === 0) {
    throw new ConfigError(`${from('tls.acme.enabled')} needs hosts: the names to have a certificate for (--host NAME)`);
  }
  const bad = config.hosts.find((host) => host.startsWith('*.') || isIP(host) !== 0 || !host.includes('.'));
  if (bad !== undefined) {
    throw new ConfigError(`${from('hosts')}: '${bad}' must be a full DNS name without a wildcard for tls.acme.enabled`);
  }
}

/** What is not signed, anybody could send. */
function checkHooks({ hooks }: Config, from: (key: string) => string): void {
  if (hooks.webhooks.length > 0 && hooks.secretFile === undefined) {
    throw new ConfigError(
      `${from('hooks.webhooks')} is set, but hooks.secretFile is not: name a file with a secret, which the receiver knows too (--webhook-secret FILE)`,
    );
  }
  if (hooks.upRequired && hooks.up === undefined) {
    throw new ConfigError(`${from('hooks.upRequired')} is set, but hooks.up is not: name the program (--hook-up FILE)`);
  }
}

const CHOOSE_ADMIN = '; choose another with --admin ADDR:PORT, or give --admin off';

/** Two listeners on one port would fail at bind with less to say. Port 0 never collides. */
function checkListen(config: Config, from: (key: string) => string): void {
  const { listen } = config.admin;
  const all = [
    ...config.listen.map((place) => ({ place, key: 'listen', remedy: '' })),
    ...config.frontend.listen.map((place) => ({ place, key: 'offload.listen', remedy: '' })),
    ...(listen === undefined ? [] : [{ place: listen, key: 'admin.listen', remedy: CHOOSE_ADMIN }]),
  ];
  for (const [i, { place: one }] of all.entries()) {
    for (const { place: other, key, remedy } of all.slice(i + 1)) {
      if (one.port === 0 || one.port !== other.port) continue;
      if (covers(one, other) || covers(other, one)) {
        const [a, b] = [listenAddress.show(one), listenAddress.show(other)];
        throw new ConfigError(
          `${from(key)}: '${a}' and '${b}' collide, a wildcard takes all addresses of its port${remedy}`,
        );
      }
    }
  }
}

/** A listener on `::` takes IPv4 too, as Node opens it. */
function covers(a: ListenAddress, b: ListenAddress): boolean {
  if (a.host === undefined || a.host === '::' || a.host === b.host) return true;
  return a.host === '0.0.0.0' && b.host !== undefined && !b.host.includes(':');
}
