import { randomBytes } from 'node:crypto';
import { PppServerLink } from '../ppp/index.ts';
import { ALL_HASH_PROTOCOLS, type CertificateHashes, NONCE_LENGTH, SstpServerMachine } from '../sstp/index.ts';
import type { Config } from './config.ts';

/** The SSTP machine of one connection, with a nonce of its own. */
export function newSstpMachine(config: Config, certificateHashes: CertificateHashes): SstpServerMachine {
  return new SstpServerMachine({
    nonce: randomBytes(NONCE_LENGTH),
    hashProtocols: ALL_HASH_PROTOCOLS,
    certificateHashes,
    negotiationMs: config.sstp.negotiationMs,
    helloMs: config.sstp.helloMs,
  });
}

/** The PPP link of one connection. The counts are those of RFC 1661 4.6. */
export function newPppLink(config: Config, client: { readonly isPppListening: boolean }): PppServerLink {
  return new PppServerLink({
    authMethods: config.auth.methods,
    mru: 1500,
    serverName: 'sstpd',
    random: (length) => randomBytes(length),
    startDelayMs: config.ppp.startDelayMs,
    isPeerListening: client.isPppListening,
    restartMs: config.ppp.restartMs,
    maxConfigure: 10,
    maxTerminate: 2,
    maxFailure: 5,
    echoIntervalMs: config.ppp.echoIntervalMs,
    authTimeoutMs: config.auth.timeoutMs,
    authRetries: config.auth.retries,
    ipv6: config.pool.ipv6 !== undefined,
  });
}
