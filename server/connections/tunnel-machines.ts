import { randomBytes } from 'node:crypto';
import { type MethodRow, PppServerLink } from '../../ppp/index.ts';
import { ALL_HASH_PROTOCOLS, HashProtocol, NONCE_LENGTH, SstpServerMachine } from '../../sstp/index.ts';
import type { Config } from '../config/index.ts';

/** Of the certificate that the client saw; SHA-1 may be unknown where another program shows it. */
export interface KnownHashes {
  readonly sha1: Uint8Array | undefined;
  readonly sha256: Uint8Array;
}

/** The SSTP machine of one connection, with a nonce of its own. A hash that is not known is not offered. */
export function newSstpMachine(config: Pick<Config, 'sstp'>, { sha1, sha256 }: KnownHashes): SstpServerMachine {
  return new SstpServerMachine({
    nonce: randomBytes(NONCE_LENGTH),
    hashProtocols: sha1 === undefined ? HashProtocol.Sha256 : ALL_HASH_PROTOCOLS,
    certificateHashes: { sha1: sha1 ?? new Uint8Array(20), sha256 },
    negotiationMs: config.sstp.negotiationMs,
    helloMs: config.sstp.helloMs,
  });
}

/** The PPP link of one connection. The counts are those of RFC 1661 4.6. */
export function newPppLink(
  config: Config,
  methods: readonly MethodRow[],
  client: { readonly isPppListening: boolean },
): PppServerLink {
  return new PppServerLink({
    authMethods: methods,
    mru: 1500,
    serverName: 'sstpd',
    random: (length) => randomBytes(length),
    startDelayMs: config.ppp.startDelayMs,
    isPeerListening: client.isPppListening,
    heedsAddressWish: config.pool.clientChoice,
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
