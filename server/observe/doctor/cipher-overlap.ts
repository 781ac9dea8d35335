/**
 * Whether each kind of client finds a cipher of ours: a handshake in memory with what it offers, so that OpenSSL decides
 * with the certificate and the list that the server has, and not a second reading of them.
 */
import { duplexPair } from 'node:stream';
import { TLSSocket, connect as tlsConnect } from 'node:tls';
import { type Finding, fine, warning } from '../../../core/index.ts';
import type { TlsServerContext } from '../../../tls/index.ts';
import { CLIENT_OFFERS, type ClientOffer } from './client-offers.ts';

export async function examineOverlap(
  tls: TlsServerContext,
  offers: readonly ClientOffer[] = CLIENT_OFFERS,
): Promise<Finding[]> {
  const findings: Finding[] = [];
  // One after the other: a server looks at itself while it carries packets.
  for (const offer of offers) findings.push(judge(offer, await handshake(tls, offer)));
  return findings;
}

function judge(offer: ClientOffer, agreed: string | undefined): Finding {
  const check = `ciphers of ${offer.name}`;
  if (agreed !== undefined) return fine(check, agreed);
  const remedy = offer.remedy ?? 'widen tls.ciphers (the default serves it), lower tls.minVersion, or use an RSA key';
  return warning(check, 'no cipher in common with this server, so such a client fails with 0x80090326', remedy);
}

/** @returns version and cipher, or undefined if there is none for both */
export async function handshake(tls: TlsServerContext, offer: ClientOffer): Promise<string | undefined> {
  const [near, far] = duplexPair();
  const server = new TLSSocket(near, { isServer: true, ...tls.serverOptions });
  const client = tlsConnect({
    socket: far,
    ciphers: offer.ciphers.join(':'),
    minVersion: offer.minVersion,
    maxVersion: offer.maxVersion,
    ecdhCurve: offer.groups.join(':'),
    // It is our own certificate, and other checks judge it.
    rejectUnauthorized: false,
  });
  try {
    return await new Promise((resolve) => {
      const fail = (): void => resolve(undefined);
      for (const socket of [server, client]) socket.once('error', fail).once('close', fail);
      client.once('secureConnect', () => resolve(`${client.getProtocol()} ${client.getCipher().name}`));
    });
  } finally {
    for (const socket of [server, client]) {
      socket.on('error', () => {}); // what is said while it is torn down is of no interest
      socket.destroy();
    }
  }
}
