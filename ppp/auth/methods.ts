/**
 * The ways to log in. A method is a row here and the files of its exchange; one that lives elsewhere brings its row along,
 * since links take the rows that they may speak as an option.
 */
import { PppProtocol } from '../frame.ts';
import type { AuthenticatorOptions, LinkAuthenticator } from './authenticator.ts';
import { ChapAuthenticator } from './chap-authenticator.ts';
import { ChapPeer } from './chap-peer.ts';
import { type AuthSummary, describeChap, describePap } from './describe-auth.ts';
import { PapAuthenticator } from './pap-authenticator.ts';
import { PapPeer } from './pap-peer.ts';
import type { AuthPeerOptions, LinkAuthPeer } from './peer.ts';
import type { AuthMethod } from './types.ts';

export interface MethodRow {
  /** As in `auth.methods`. */
  readonly name: string;
  /** As people know it. */
  readonly text: string;
  /** Of its packets; LCP's Authentication-Protocol option begins with it (RFC 1661 §6.2). */
  readonly protocol: number;
  /** What follows in that option: the algorithm of CHAP (RFC 1994 §3), else nothing. */
  readonly algorithm: readonly number[];
  readonly authenticator: (options: AuthenticatorOptions) => LinkAuthenticator;
  readonly peer: (options: AuthPeerOptions) => LinkAuthPeer;
  /** What a packet says, without a name, a proof or anything that one is made of; undefined for one that makes no sense. */
  readonly describe: (payload: Buffer) => AuthSummary | undefined;
}

export const METHODS: Readonly<Record<AuthMethod, MethodRow>> = {
  mschapv2: {
    ...{ name: 'mschapv2', text: 'MS-CHAPv2', protocol: PppProtocol.Chap, algorithm: [0x81] }, // RFC 2759 §3
    authenticator: (options) => new ChapAuthenticator('mschapv2', options),
    peer: (options) => new ChapPeer('mschapv2', options),
    describe: describeChap,
  },
  chap: {
    ...{ name: 'chap', text: 'CHAP-MD5', protocol: PppProtocol.Chap, algorithm: [0x05] },
    authenticator: (options) => new ChapAuthenticator('chap', options),
    peer: (options) => new ChapPeer('chap', options),
    describe: describeChap,
  },
  pap: {
    ...{ name: 'pap', text: 'PAP', protocol: PppProtocol.Pap, algorithm: [] },
    authenticator: (options) => new PapAuthenticator(options),
    peer: (options) => new PapPeer(options),
    describe: describePap,
  },
};

/** All of ours. */
export const ALL_METHODS: readonly MethodRow[] = Object.values(METHODS);

/** The rows of methods, in the order of their names. */
export function methodRows(names: readonly AuthMethod[]): readonly MethodRow[] {
  return names.map((name) => METHODS[name]);
}

/** Which of them an Authentication-Protocol option asks for. */
export function methodOf(rows: readonly MethodRow[], protocol: number, data: Buffer): MethodRow | undefined {
  return rows.find((row) => row.protocol === protocol && data.equals(Buffer.from(row.algorithm)));
}

/** Whether packets of that protocol are a login, be it one that is ours and not spoken on this link. @param rows of the link */
export function isLoginProtocol(rows: readonly MethodRow[], protocol: number): boolean {
  return [rows, ALL_METHODS].some((known) => known.some((row) => row.protocol === protocol));
}
