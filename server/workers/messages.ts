/**
 * What supervisor and workers say to each other: see `channel.ts`. Sessions go by their id, which is unique in the server;
 * tickets by a number of the worker's own; what is asked, whichever end asks, by the number of a call (`calls.ts`).
 */
import type { AttemptView, SessionView } from '../../admin/index.ts';
import type { Hold } from '../../auth/index.ts';
import type { Ipv4, UserIds } from '../../core/index.ts';
import type { CredentialProof } from '../../ppp/index.ts';
import type { ListenAddress } from '../../tls/index.ts';
import type { IpPrefix } from '../../tun/index.ts';
import type { AdmissionLimit, TurnedAway } from '../admission/index.ts';
import type { TlsMaterial } from '../certificates/material.ts';
import type { Config } from '../config/index.ts';
import type { EndReason, GrantedLease, Judgement, Policy, SessionEnd, SessionTraffic } from '../control/index.ts';
import type { Report } from '../observe/reported.ts';
import type { PortalAnswer, PortalQuestion } from '../site/index.ts';

/** All that a worker is made of. */
export interface WorkerSetup {
  readonly worker: number;
  readonly config: Config;
  /** Who it is already, unless that is root, whose rights it is to give up. */
  readonly runUser: UserIds;
  /** Descriptors are numbers in the worker. */
  readonly device: { readonly fd: number; readonly mtu: number; readonly flags: number };
  readonly sockets: readonly number[];
  /** Where other workers' clients are. */
  readonly networks: readonly { readonly network: IpPrefix; readonly own: IpPrefix }[];
  readonly mostQueuedBytes: number;
  readonly tls: TlsMaterial;
  readonly portalKey: Uint8Array;
  readonly congestionControl: string;
  /** To be shut in once it is ready; undefined: the kernel, or the operator, lets it not be. */
  readonly confine: { readonly opensFiles: boolean } | undefined;
}

export type ToWorker =
  | { readonly kind: 'start'; readonly setup: WorkerSetup }
  | { readonly kind: 'counted'; readonly ticket: number; readonly refusal: AdmissionLimit | undefined }
  /** Its connection is to end, unless it has logged in, which the supervisor has yet to hear then. */
  | { readonly kind: 'turned-away'; readonly ticket: number; readonly why: TurnedAway }
  | { readonly kind: 'held'; readonly session: string; readonly hold: Hold; readonly name: string }
  | { readonly kind: 'judged'; readonly session: string; readonly judgement: Judgement }
  | { readonly kind: 'leased' | 'chosen'; readonly session: string; readonly lease: GrantedLease | undefined }
  /** Behind `leased`: in the stead of the one that came with it. */
  | { readonly kind: 'policy'; readonly session: string; readonly policy: Policy }
  | { readonly kind: 'portal-answered'; readonly call: number; readonly answer: PortalAnswer }
  /** With the socket, unless there is an error, which is a code such as ECONNREFUSED. */
  | { readonly kind: 'dialled'; readonly call: number; readonly error: string | undefined }
  | { readonly kind: 'replace'; readonly session: string }
  | { readonly kind: 'disconnect'; readonly session: string; readonly reason: EndReason }
  /** To be answered by `listed`. */
  | { readonly kind: 'list'; readonly call: number }
  /** To be answered by `report`. */
  | { readonly kind: 'report?'; readonly call: number }
  /** For new connections; to be answered by `tls-set`. */
  | { readonly kind: 'tls'; readonly call: number; readonly tls: TlsMaterial }
  /** To be answered by `alive`. */
  | { readonly kind: 'alive?'; readonly call: number }
  | { readonly kind: 'stop' };

/** Lists are sent in parts, none of which is longer than this. */
export const MOST_IN_PART = 200;
/** Questions of the portal that a worker has no answer to yet: with more, it says by itself that there is none now. */
export const MOST_QUESTIONS = 1_024;
/** Connections to the server of `http.fallback` that a worker asks for at a time. */
export const MOST_DIALS = 128;

export type ToSupervisor =
  | { readonly kind: 'ready'; readonly listening: readonly ListenAddress[] }
  /** It can't go on, and another one in its place could not either. */
  | { readonly kind: 'failed'; readonly message: string }
  | { readonly kind: 'ticket-opened'; readonly ticket: number; readonly address: string }
  | { readonly kind: 'ticket-silent'; readonly ticket: number }
  | { readonly kind: 'ticket-authenticated'; readonly ticket: number }
  | { readonly kind: 'ticket-closed'; readonly ticket: number }
  | { readonly kind: 'opened'; readonly session: string; readonly peerAddress: string }
  | { readonly kind: 'verify'; readonly session: string; readonly proof: CredentialProof }
  /** To a judgement that was `continue`, of that round. */
  | { readonly kind: 'respond'; readonly session: string; readonly round: number; readonly payload: Uint8Array }
  | { readonly kind: 'lease'; readonly session: string }
  /** To be answered by `chosen`. */
  | { readonly kind: 'choose'; readonly session: string; readonly wish: Ipv4 }
  | { readonly kind: 'release'; readonly session: string }
  | { readonly kind: 'up'; readonly session: string }
  | { readonly kind: 'closed'; readonly session: string; readonly end: SessionEnd }
  | { readonly kind: 'portal-asked'; readonly call: number; readonly question: PortalQuestion }
  /** Nobody waits for the answer any more, which comes all the same. */
  | { readonly kind: 'portal-left'; readonly call: number }
  /** For a connection to the server of `http.fallback`; to be answered by `dialled`. */
  | { readonly kind: 'dial'; readonly call: number }
  | { readonly kind: 'tls-set'; readonly call: number }
  | { readonly kind: 'alive'; readonly call: number }
  /** How much its sessions have carried, before the report. */
  | { readonly kind: 'traffic'; readonly traffic: readonly SessionTraffic[] }
  /** Without traffic. */
  | { readonly kind: 'report'; readonly call: number; readonly report: Report }
  | { readonly kind: 'attempt'; readonly attempt: AttemptView }
  | {
      readonly kind: 'listed';
      readonly call: number;
      readonly sessions: readonly SessionView[];
      readonly isLast: boolean;
    };
