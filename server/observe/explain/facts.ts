import type { LoginReason } from '../../../auth/index.ts';
import type { HeldBack } from '../../../auth/throttle/hold-text.ts';
import type { LinkFault, MethodRow } from '../../../ppp/index.ts';
import type { ClientHello, TlsFailureStage } from '../../../tls/index.ts';
import type { AdmissionLimit, TurnedAway } from '../../admission/index.ts';
import type { EndReason, HttpEnd } from '../../control/index.ts';
import type { Stage } from './stage.ts';

/** What is known of the certificate that clients are shown. */
export interface CertificateFacts {
  readonly names: readonly string[];
  /** From our own authority, which no client knows before it is told. */
  readonly isOwn: boolean;
  readonly hasServerAuth: boolean;
  readonly notAfter: Date;
  /** Whether the certificate is for this name or address. */
  covers(name: string): boolean;
}

export type AddressWish =
  | { readonly kind: 'none' } // no IP-Address in the request
  | { readonly kind: 'any' } // 0.0.0.0, RFC 1332 3.3
  | { readonly kind: 'address'; readonly address: string };

/** The data of a Terminate-Request. */
export interface Farewell {
  /** Ready to be shown: text in quotes, or a number. */
  readonly words: string | undefined;
  /** Of Windows; 0 is no error. */
  readonly rasError: number | undefined;
}

/** What a server knows of an attempt when it is over: all that a diagnosis may rest on. */
export interface AttemptFacts {
  /** The last one reached. */
  stage: Stage;
  /** Why it ended, as in the log. */
  reason: EndReason | HttpEnd | `tls-${string}` | '';
  detail: string | undefined;
  /** The protocol that could not open, where that is why. */
  fault: LinkFault | undefined;
  /** It was up for a while: its end is no failure. */
  wasUp: boolean;
  /** IPCP has opened, if only for a while. */
  hadIpv4: boolean;
  /** Why IPCP was given up, also where the session goes on without it. */
  ipcpFault: LinkFault | undefined;
  /** How long it was in its last stage. */
  inStageMs: number;
  /** Whose name it was that came, as it is stored. */
  user: string | undefined;
  hello: ClientHello | undefined;
  /** The name that it dialled (SNI). */
  serverName: string | undefined;
  /** Where the client arrived: what it dialled, unless something in between translates addresses. */
  localAddress: string | undefined;
  /** TLS ends at a program in front, which alone knows what became of the handshake. */
  hasTlsInFront: boolean;
  /** How the TLS handshake ended if it failed. */
  tls: { readonly stage: TlsFailureStage; readonly code: string; readonly alert: string | undefined } | undefined;
  /** Whether the client sent anything once TLS was up. */
  hasSpoken: boolean;
  /** The Host of the HTTP request. */
  host: string | undefined;
  /** An answer other than 200. */
  http: { readonly status: number; readonly reason: string } | undefined;
  limit: AdmissionLimit | undefined;
  /** It was ended for the sake of others, before it had logged in. */
  turnedAway: TurnedAway | undefined;
  /** What LCP has agreed on. */
  authMethod: MethodRow | undefined;
  /** Whether the client has sent a proof of the password. */
  hasAnswered: boolean;
  /** It wanted this server to log in at the client's, which it does not. */
  wantsOurLogin: boolean;
  /** The last login that was refused. */
  auth:
    | {
        readonly reason: LoginReason;
        readonly errorCode: number;
        /** Whole sentences for the operator. */
        readonly remark: string | undefined;
      }
    | undefined;
  /** A login that still waited for its turn at the end. */
  held: HeldBack | undefined;
  /** What we offer, and what the client asked for instead. */
  ourMethods: readonly MethodRow[];
  authWish: string | undefined;
  /** Names of PPP protocols that we have refused, and that the client has. */
  weRejected: readonly string[];
  clientRejected: readonly string[];
  /** It asked CCP for MPPE with keys. */
  asksForEncryption: boolean;
  /** What the client's last IPCP request asked for, and the address it was to have. */
  addressWish: AddressWish | undefined;
  address: string | undefined;
  /** How the client took its leave of each protocol, in its own words. */
  farewells: Partial<Record<string, Farewell>>;
  /** What was wrong with the Crypto Binding. */
  binding: readonly string[] | undefined;
  /** The client's last options that we did not take, and ours that it did not. */
  lastClientOptions: string | undefined;
  lastServerOptions: string | undefined;
  /** Whether the client has sent anything of PPP. */
  hasPpp: boolean;
  now: Date;
}

/** The answer to "why can't I connect". */
export interface Explanation {
  /** One sentence. */
  readonly text: string;
  /** What Windows most likely showed: `0x800B0109`, `691`, `RasSstp event 4`. */
  readonly code: string | undefined;
  /** What mends it, in one sentence; undefined if nothing is to be mended. */
  readonly fix: string | undefined;
}

/** Whether the client has all of IPv4 that it wants: it has had it, or refused it. */
export function isIpv4Settled({ hadIpv4, ipcpFault }: AttemptFacts): boolean {
  return hadIpv4 || ipcpFault?.problem === 'rejected';
}

/** Of an attempt of which nothing is known yet. */
export function newFacts(ourMethods: readonly MethodRow[]): AttemptFacts {
  return {
    stage: 'tls',
    reason: '',
    detail: undefined,
    fault: undefined,
    wasUp: false,
    hadIpv4: false,
    ipcpFault: undefined,
    inStageMs: 0,
    user: undefined,
    hello: undefined,
    serverName: undefined,
    localAddress: undefined,
    hasTlsInFront: false,
    tls: undefined,
    hasSpoken: false,
    host: undefined,
    http: undefined,
    limit: undefined,
    turnedAway: undefined,
    authMethod: undefined,
    hasAnswered: false,
    wantsOurLogin: false,
    auth: undefined,
    held: undefined,
    ourMethods,
    authWish: undefined,
    weRejected: [],
    clientRejected: [],
    asksForEncryption: false,
    addressWish: undefined,
    address: undefined,
    farewells: {},
    binding: undefined,
    lastClientOptions: undefined,
    lastServerOptions: undefined,
    hasPpp: false,
    now: new Date(0),
  };
}
