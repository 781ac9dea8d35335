/** What packets of a login say, for whoever has to find out why it failed: no name, no proof, nothing that one is made of. */
import { formatWords } from '../peer-words.ts';
import { decodeChapPacket } from './chap.ts';
import { decodePapPacket } from './pap.ts';

export interface AuthSummary {
  /** `PAP` or `CHAP`. */
  readonly protocol: string;
  /** As its RFC calls it. */
  readonly packet: string;
  readonly identifier: number;
  /** A message for people, ready to be shown. */
  readonly words: string | undefined;
}

const PAP_NAMES = {
  AuthenticateRequest: 'Authenticate-Request',
  AuthenticateAck: 'Authenticate-Ack',
  AuthenticateNak: 'Authenticate-Nak',
} as const;

export function describePap(payload: Buffer): AuthSummary | undefined {
  const packet = decodePapPacket(payload);
  if (packet === undefined) return undefined;
  const words = packet.type === 'AuthenticateRequest' ? undefined : formatWords(Buffer.from(packet.message));
  return { protocol: 'PAP', packet: PAP_NAMES[packet.type], identifier: packet.identifier, words };
}

/** A Success of MS-CHAPv2 proves the password, and a Failure has the next challenge: the former says no word. */
export function describeChap(payload: Buffer): AuthSummary | undefined {
  const packet = decodeChapPacket(payload);
  if (packet === undefined) return undefined;
  const words =
    packet.type === 'Failure'
      ? formatWords(Buffer.from(packet.message.replace(/(^| )C=[0-9A-Fa-f]{32}(?= |$)/, '')))
      : undefined;
  return { protocol: 'CHAP', packet: packet.type, identifier: packet.identifier, words };
}
