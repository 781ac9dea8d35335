import type { ProfileFacts } from '../profile/index.ts';
import type { AdminAccountsBackend, TokensBackend } from './access-backend.ts';

/** One connection as an operator sees it. */
export interface SessionView {
  readonly id: string;
  readonly user: string | undefined;
  /** `192.0.2.1:5000` or `[2001:db8::1]:5000`. */
  readonly peer: string;
  readonly stage: string;
  readonly ipv4: string | undefined;
  readonly ipv6: string | undefined;
  /** Authentication method. */
  readonly method: string | undefined;
  /** TLS version and cipher. */
  readonly tls: string;
  /** ISO 8601. */
  readonly connectedAt: string;
  /** Payload bytes from and to the client. */
  readonly bytesIn: number;
  readonly bytesOut: number;
  /** What counts for it, by key; `revision` counts its changes since the login. */
  readonly policy: PolicyView | undefined;
  readonly correlationId: string | undefined;
}

export type PolicyView = Readonly<Record<string, unknown>> & { readonly revision: number };

/** One attempt to connect, from TCP to its end, as `sstpd explain` tells it. */
export interface AttemptView {
  /** That of the session, if it became one. */
  readonly id: string;
  /** SSTPCORRELATIONID as sent; the client's event log has it too. */
  readonly correlationId: string | undefined;
  /** `192.0.2.1:5000` or `[2001:db8::1]:5000`; of a sign-in to the portal the address alone. */
  readonly peer: string;
  /** ISO 8601. */
  readonly startedAt: string;
  readonly endedAt: string | undefined;
  readonly state: 'under-way' | 'up' | 'ended' | 'failed';
  readonly user: string | undefined;
  /** TLS version and cipher. */
  readonly tls: string | undefined;
  readonly sni: string | undefined;
  /** What the ClientHello offered. */
  readonly offered: { readonly versions: string; readonly ciphers: string; readonly protocols: string } | undefined;
  /** The TLS alert of the client. */
  readonly alert: string | undefined;
  /** Request line and headers as seen. */
  readonly http: string | undefined;
  /** The last one reached. */
  readonly stage: string;
  /** In order, with the time spent in each. */
  readonly stages: readonly { readonly stage: string; readonly ms: number }[];
  /** What was asked for in LCP and the NCPs, and what was answered; the newest ones if there were many. */
  readonly options: readonly AttemptOptions[];
  /** As in the log. */
  readonly reason: string | undefined;
  readonly explanation: AttemptExplanation | undefined;
}

/** A name, an address or a network whose logins are slowed, attacked or lifted; or all logins on loopback. */
export interface ThrottleView {
  readonly kind: 'name' | 'address' | 'network' | 'loopback';
  /** Of names and of loopback: whose they are. */
  readonly realm: 'vpn' | 'admin' | undefined;
  readonly of: string;
  /** Of names and of loopback: whose guesses these are. */
  readonly limit: ThrottleLimit | undefined;
  /** Of names: the one address that they come from. */
  readonly at: string | undefined;
  readonly failures: number;
  /** Logins that wait there now. */
  readonly waiting: number;
  /** What the next one there waits; undefined if that is drawn by lot. */
  readonly delayMs: number | undefined;
  /** Of a name the networks that failures came from, of an address and of loopback the names. */
  readonly others: number;
  /** The guesses are used up. */
  readonly isAttacked: boolean;
  readonly liftedMs: number | undefined;
}

/** Which guesses count together: see docs/guessing.md. */
export type ThrottleLimit =
  | 'strangers'
  | 'known-address'
  | 'known-browser'
  | 'lifted-name'
  | 'loopback-name'
  | 'loopback';

export interface LiftRequest {
  /** A user name or an IP address; undefined: all, once. */
  readonly target: string | undefined;
  readonly seconds: number;
}

export interface AttemptOptions {
  readonly from: 'client' | 'server';
  readonly protocol: string;
  /** `Configure-Nak` */
  readonly packet: string;
  readonly options: string;
}

export interface AttemptExplanation {
  /** One sentence. */
  readonly text: string;
  /** What Windows most likely showed. */
  readonly code: string | undefined;
  /** What mends it. */
  readonly fix: string | undefined;
}

export interface AttemptQuery {
  /** Without regard to case. */
  readonly user?: string;
  /** Only what is newer than this number of an earlier answer. */
  readonly after?: number;
  /** The newest so many. */
  readonly limit?: number;
}

/** Attempts, the oldest first. */
export interface AttemptList {
  /** To be given as `after` next time. */
  readonly last: number;
  readonly attempts: readonly AttemptView[];
}

export interface UserView {
  readonly name: string;
  readonly enabled: boolean;
  /** The fixed address. */
  readonly ipv4: string | undefined;
  /** Why nobody can have that address, to follow it: the user can't connect. */
  readonly ipv4Fault: string | undefined;
  readonly secretKind: 'password' | 'nt-hash';
  /** Whether guessers try the password first; undefined if nobody can tell, where only its hash is kept. */
  readonly weak: boolean | undefined;
  /** ISO 8601. */
  readonly createdAt: string;
  readonly lastLoginAt: string | undefined;
  /** In alphabetical order. */
  readonly groups: readonly string[];
  /** Open at present. */
  readonly sessions: number;
}

export interface StatusView {
  readonly version: string;
  readonly pid: number;
  /** ISO 8601. */
  readonly startedAt: string;
  /** Addresses with ports. */
  readonly listening: readonly string[];
  readonly sessions: number;
  /** TUN devices; the route to the pool leads to the first. */
  readonly devices: readonly string[];
  readonly reach: ReachView;
  /** Processes that carry connections; none if the server does that itself. */
  readonly workers: readonly WorkerView[];
  /** What shuts the workers in: the ABI of Landlock, 0 if there is none, and whether there is seccomp. */
  readonly cage: { readonly landlock: number; readonly seccomp: boolean };
  /** Of connections that there was no place for: the flood that goes on, or the last one. */
  readonly flood?: FloodView | undefined;
}

export interface FloodView {
  /** ISO 8601, as `until` is; without that it goes on. */
  readonly since: string;
  readonly until?: string | undefined;
  readonly refused: number;
  readonly pushedOut: number;
  /** Keys of `limits`. */
  readonly limits: readonly string[];
  /** From where most of them came. */
  readonly from: readonly { readonly network: string; readonly connections: number }[];
}

/** What clients reach, and who reaches them. */
export interface ReachView {
  /** Others may begin connections to clients. */
  readonly inbound: boolean;
  /** On this host, as `network.hostAccess` has it. */
  readonly hostAccess: string;
  /** Who said so. */
  readonly hostAccessFrom: 'configuration' | 'new' | 'before';
  /** Networks that no client reaches. */
  readonly deny: readonly string[];
}

export interface WorkerView {
  readonly pid: number;
  /** Its TUN device. */
  readonly device: string;
}

/** A key of the configuration with its effective value, as a user would write it. */
export interface ConfigView {
  readonly key: string;
  readonly value: unknown;
  readonly origin: string;
}

/**
 * What is to change; what is absent stays. `ipv4: null` takes the fixed address away; `groups` are all groups then. A new
 * password ends the user's sessions, unless `keepSessions`; `weak` takes one too that guessers try first.
 */
export interface UserChange {
  readonly password?: string;
  readonly weak?: boolean;
  readonly keepSessions?: boolean;
  readonly ipv4?: string | null;
  readonly enabled?: boolean;
  readonly groups?: readonly string[];
}

export interface NewUser {
  readonly name: string;
  readonly password: string;
  /** Takes a password too that guessers try first. */
  readonly weak?: boolean;
  readonly ipv4?: string;
  readonly groups?: readonly string[];
}

/** A certificate that clients are shown. Times are ISO 8601, hashes hexadecimal with colons. */
export interface CertificateView {
  readonly source: 'own' | 'files' | 'acme';
  /** DNS names and addresses. */
  readonly names: readonly string[];
  readonly subject: string;
  readonly issuer: string;
  readonly notBefore: string;
  readonly notAfter: string;
  /** Whole days; below zero when it is over. */
  readonly daysLeft: number;
  readonly sha256: string;
  readonly sha1: string;
  /** `RSA 2048` or `EC P-256`. */
  readonly key: string;
  /** It is shown to clients that ask for no name of another. */
  readonly isDefault: boolean;
  /** From when on a start issues another one; of own ones alone. */
  readonly renewedFrom?: string;
  /** The command that does so at any time; of own ones alone. */
  readonly renewedBy?: string;
  /** That issued it; of own ones alone. */
  readonly authority?: AuthorityView;
}

/** The server's own authority, which its clients have imported. Times are ISO 8601, the hash hexadecimal with colons. */
export interface AuthorityView {
  readonly subject: string;
  readonly sha256: string;
  readonly notBefore: string;
  readonly notAfter: string;
  /** Whole days; below zero when it is over. */
  readonly daysLeft: number;
  /** What clients take from it, in words; empty: every name. */
  readonly within: string;
  /** Who can read its key: root alone, or the server too; `nobody`: it is not in the data directory. */
  readonly keyReader: 'root' | 'server' | 'nobody';
  /** What to do about it; undefined: nothing. */
  readonly advice: string | undefined;
}

/** What `sstpd doctor` says of the running server. */
export interface HealthView {
  /** When it was looked at, ISO 8601. */
  readonly at: string;
  /** Nothing keeps clients out. */
  readonly ok: boolean;
  readonly checks: readonly {
    readonly check: string;
    readonly verdict: 'ok' | 'warning' | 'failure';
    readonly text: string;
    readonly fix: string | undefined;
  }[];
}

/**
 * What the admin API asks of the server. Promises are rejected with errors whose `code` is one of the user store's:
 * `ERR_USER_UNKNOWN`, `ERR_USER_EXISTS`, `ERR_USER_NAME`, `ERR_USER_PASSWORD`,
 * `ERR_USER_PASSWORD_WEAK`, `ERR_USER_ADDRESS`, ...
 */
export interface AdminBackend {
  status(): StatusView;
  config(): ConfigView[];
  sessions(): Promise<SessionView[]>;
  /** @returns false if there is no such session. */
  killSession(id: string): Promise<boolean>;
  /** In the text format of Prometheus. */
  metrics(): Promise<string>;
  attempts(query: AttemptQuery): AttemptList;
  /** @param id of the attempt, or its correlation id @returns undefined if it is not kept any more */
  attempt(id: string): AttemptView | undefined;
  certificates(): CertificateView[];
  health(): Promise<HealthView>;
  /**
   * What the files for a user's clients are made of; refused with ERR_USER_UNKNOWN, and ERR_PROFILE_HOST if there is no name
   * to dial or `host` is none.
   */
  profile(user: string, host: string | undefined): Promise<ProfileFacts>;
  readonly users: {
    list(): Promise<UserView[]>;
    add(user: NewUser): Promise<UserView>;
    /** All of it, or nothing. */
    set(name: string, change: UserChange): Promise<UserView>;
    remove(name: string): Promise<void>;
  };
  readonly throttle: {
    list(): ThrottleView[];
    lift(request: LiftRequest): void;
  };
  readonly accounts: AdminAccountsBackend;
  readonly tokens: TokensBackend;
}
