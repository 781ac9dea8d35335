/**
 * PPP, the RFC 1661 family, as pure machines: frames, LCP (RFC 1661, 1570), PAP (RFC 1334), CHAP (RFC 1994), MS-CHAPv2
 * (RFC 2759), IPCP (RFC 1332, 1877) and IPv6CP (RFC 5072). Knows nothing of what carries the frames, nor of users.
 *
 * frame -> LinkCore -> Negotiation (LCP, IPCP, IPv6CP: one automaton, three policies)
 *                   -> PppServerLink, PppClientLink -> auth/ (the exchanges)
 */

export type { AuthenticatorAction, AuthenticatorEvent, LinkAuthenticator } from './auth/authenticator.ts';
export { METHODS, type MethodRow, methodRows } from './auth/methods.ts';
export type { Credentials, LinkAuthPeer, MsChapV2Answer, MsChapV2Question } from './auth/peer.ts';
export type { AuthMethod, AuthVerdict, CredentialProof, FinalVerdict, LinkInnerAuth } from './auth/types.ts';
export { type PppClientAction, type PppClientEvent, PppClientLink, type PppClientOptions } from './client-link.ts';
export { type ControlPacket, decodeControlPacket, encodeControlPacket } from './control-packet.ts';
export { describeFrame, type FrameSummary, formatOptions, type OptionSummary, protocolName } from './describe.ts';
export { decodePppFrame, encodePppFrame, PppProtocol } from './frame.ts';
export type { Ipv4Lease, Ipv4Wish } from './ipcp.ts';
export { DEFAULT_MRU, MAX_MRU, MIN_MRU } from './lcp-options.ts';
export type { CommonLinkEvent, LinkEnd, LinkFault, PppDownReason, PppPhase } from './link-types.ts';
export { formatTerminateData, formatWords, rasErrorOf } from './peer-words.ts';
export { type PppServerAction, type PppServerEvent, PppServerLink, type PppServerOptions } from './server-link.ts';
