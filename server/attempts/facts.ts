import type { LoginReason } from '../../auth/index.ts';
import type { AuthMethod } from '../../ppp/index.ts';
import type { ClientHello, TlsFailureStage } from '../../tls/index.ts';
import type { AdmissionRefusal } from '../admission.ts';
import type { Stage } from '../tunnel.ts';

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

/** What a server knows of an attempt when it is over: all that a diagnosis may rest on. */
export interface AttemptFacts {
  /** The last one reached. */
  stage: Stage;
  /** Why it ended, as in the log. */
  reason: string;
  detail: string | undefined;
  /** It was up for a while: its end is no failure. */
  wasUp: boolean;
  hello: ClientHello | undefined;
  /** How the TLS handshake ended if it failed. */
  tls: { readonly stage: TlsFailureStage; readonly code: string; readonly alert: string | undefined } | undefined;
  /** Whether the client sent anything once TLS was up. */
  hasSpoken: boolean;
  /** The Host of the HTTP request. */
  host: string | undefined;
  /** An answer other than 200. */
  http: { readonly status: number; readonly reason: string } | undefined;
  limit: AdmissionRefusal | undefined;
  /** The last login that was refused. */
  auth: { readonly reason: LoginReason; readonly errorCode: number } | undefined;
  /** What we offer, and what the client asked for instead. */
  ourMethods: readonly AuthMethod[];
  authWish: string | undefined;
  /** Names of PPP protocols that we have refused, and that the client has. */
  weRejected: readonly string[];
  clientRejected: readonly string[];
  /** The last address other than 0.0.0.0 that the client asked for, and the one it was to have. */
  addressWish: string | undefined;
  address: string | undefined;
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
