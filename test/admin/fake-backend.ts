import type {
  AdminAccountsBackend,
  AdminBackend,
  AttemptQuery,
  AttemptView,
  CertificateView,
  HealthView,
  LoginOutcome,
  SessionView,
  ThrottleView,
  TokensBackend,
  TokenView,
  UserView,
} from '../../admin/index.ts';
import type { Log, LogFields } from '../../core/index.ts';
import type { ProfileFacts } from '../../profile/index.ts';
import { PLAIN } from '../profile/facts.ts';

const AT = '2026-01-01T00:00:00.000Z';

/** An error as the user store throws it. */
export function storeError(code: string, message: string): Error {
  return Object.assign(new Error(message), { code });
}

/** A backend on maps, which remembers what it was asked. */
export class FakeBackend implements AdminBackend {
  readonly calls: unknown[][] = [];
  readonly store: Map<string, UserView> = new Map();
  readonly open: SessionView[] = [];
  /** Thrown by every method of `users`. */
  failure: Error | undefined;

  status(): ReturnType<AdminBackend['status']> {
    return {
      version: '1.2.3',
      pid: 42,
      startedAt: '2026-01-01T00:00:00.000Z',
      listening: ['[::]:443'],
      sessions: this.open.length,
      reach: { inbound: false, hostAccess: 'icmp', hostAccessFrom: 'new', deny: [] },
      devices: ['sstp0'],
      workers: [{ pid: 43, device: 'sstp0' }],
      cage: { landlock: 6, seccomp: true },
    };
  }

  config(): ReturnType<AdminBackend['config']> {
    return [
      { key: 'listen', value: ['443'], origin: 'default' },
      { key: 'network.mtu', value: 1380, origin: 'flag --mtu' },
      { key: 'network.nat', value: false, origin: 'file /etc/sstpd.yaml' },
    ];
  }

  async metrics(): Promise<string> {
    return '# TYPE sstp_up gauge\nsstp_up 1\n';
  }

  readonly known: AttemptView[] = [];

  attempts(query: AttemptQuery): ReturnType<AdminBackend['attempts']> {
    this.calls.push(['attempts', query]);
    return { last: 7, attempts: this.known };
  }

  attempt(id: string): AttemptView | undefined {
    return this.known.find((one) => one.id === id);
  }

  async profile(user: string, host: string | undefined): Promise<ProfileFacts> {
    this.calls.push(['profile', user, host]);
    if (this.failure !== undefined) throw this.failure;
    return { ...PLAIN, user, host: host ?? PLAIN.host };
  }

  async sessions(): Promise<SessionView[]> {
    return this.open;
  }

  async killSession(id: string): Promise<boolean> {
    this.calls.push(['killSession', id]);
    return this.open.some((session) => session.id === id);
  }

  readonly users: AdminBackend['users'] = {
    list: async () => [...this.store.values()],
    add: async (...args) => {
      this.#note('add', args);
      const [{ name, ipv4 }] = args;
      if (this.store.has(name)) throw storeError('ERR_USER_EXISTS', `user '${name}' exists already`);
      const user = viewOf(name, ipv4);
      this.store.set(name, user);
      return user;
    },
    set: async (...args) => {
      this.#note('set', args);
      const [name, change] = args;
      const user = this.store.get(name);
      if (user === undefined) throw storeError('ERR_USER_UNKNOWN', `there is no user '${name}'`);
      const ipv4 = change.ipv4 === undefined ? user.ipv4 : (change.ipv4 ?? undefined);
      const changed = { ...user, ipv4, enabled: change.enabled ?? user.enabled, groups: change.groups ?? user.groups };
      this.store.set(name, changed);
      return changed;
    },
    remove: async (...args) => {
      this.#note('remove', args);
      if (!this.store.delete(args[0])) throw storeError('ERR_USER_UNKNOWN', `there is no user '${args[0]}'`);
    },
  };

  certificates(): CertificateView[] {
    return [CERTIFICATE];
  }

  async health(): Promise<HealthView> {
    const checks = [{ check: 'clock', verdict: 'warning', text: 'it is slow', fix: 'set it' }] as const;
    return { at: '2026-01-01T00:00:00.000Z', ok: true, checks };
  }

  /** The only account, with its password. */
  account: { readonly name: string; readonly password: string; readonly version: number } | undefined;
  /** What the next login gets instead of a look at the account. */
  outcome: LoginOutcome | undefined;

  readonly slowed: ThrottleView[] = [];

  readonly throttle: AdminBackend['throttle'] = {
    list: () => this.slowed,
    lift: (request) => this.#note('lift', [request]),
  };

  readonly accounts: AdminAccountsBackend = {
    exist: async () => this.account !== undefined,
    list: async () =>
      this.account === undefined ? [] : [{ name: this.account.name, createdAt: AT, lastLoginAt: undefined }],
    login: async ({ name, password }) => {
      if (this.outcome !== undefined) return this.outcome;
      if (this.account === undefined) return { kind: 'no-account' };
      if (name !== this.account.name || password !== this.account.password) return { kind: 'refused' };
      return { kind: 'accepted', account: { id: name, name, version: this.account.version }, browser: 'known' };
    },
    isCurrent: async ({ id, version }) => id === this.account?.name && version === this.account.version,
  };

  /** By their text. */
  readonly issued: Map<string, TokenView> = new Map();

  readonly tokens: TokensBackend = {
    list: async () => [...this.issued.values()],
    add: async ({ name, scopes, expiresInDays }, maker) => {
      this.#note('addToken', [name, scopes, expiresInDays, maker]);
      const token = `sstpd_${name}`;
      const view = { id: name, name, scopes, createdAt: AT, expiresAt: undefined, lastUsedAt: undefined };
      this.issued.set(token, view);
      return { ...view, token };
    },
    remove: async (id) => {
      if (!this.issued.delete(`sstpd_${id}`)) throw storeError('ERR_TOKEN_UNKNOWN', `there is no token '${id}'`);
    },
    find: async (text) => this.issued.get(text),
  };

  #note(name: string, args: readonly unknown[]): void {
    this.calls.push([name, ...args]);
    if (this.failure !== undefined) throw this.failure;
  }
}

function viewOf(name: string, ipv4: string | undefined): UserView {
  return {
    name,
    enabled: true,
    ipv4,
    ipv4Fault: undefined,
    secretKind: 'password',
    weak: false,
    createdAt: '2026-01-01T00:00:00.000Z',
    lastLoginAt: undefined,
    groups: [],
    sessions: 0,
  };
}

export const CERTIFICATE: CertificateView = {
  source: 'own',
  names: ['vpn.example', '192.0.2.1'],
  subject: 'CN=vpn.example',
  issuer: 'CN=sstpd CA',
  notBefore: AT,
  notAfter: '2028-01-01T00:00:00.000Z',
  daysLeft: 730,
  sha256: 'AB:CD',
  sha1: 'EF:01',
  key: 'RSA 2048',
  isDefault: true,
};

export const SESSION: SessionView = {
  id: '7',
  user: 'ann',
  peer: '192.0.2.1:5000',
  stage: 'up',
  ipv4: '10.0.0.2',
  ipv6: undefined,
  method: 'mschapv2',
  tls: 'TLSv1.3 TLS_AES_256_GCM_SHA384',
  connectedAt: '2026-01-01T00:00:00.000Z',
  bytesIn: 5_000_000_000,
  bytesOut: 17,
  policy: { revision: 0 },
  correlationId: undefined,
};

export const ATTEMPT: AttemptView = {
  id: '00c1d5e2',
  correlationId: '{62DFA5C0-E2E0-FD50-D286B00F60C70D10}',
  peer: '192.0.2.1:5000',
  startedAt: AT,
  endedAt: AT,
  state: 'failed',
  user: 'ann',
  tls: 'TLSv1.3 TLS_AES_256_GCM_SHA384',
  sni: 'vpn.example',
  offered: { versions: 'TLSv1.2', ciphers: 'AES', protocols: 'none' },
  alert: 'unknown_ca',
  http: 'SSTP_DUPLEX_POST / HTTP/1.1',
  stage: 'tls',
  stages: [{ stage: 'tcp', ms: 1.5 }],
  options: [{ from: 'client', protocol: 'LCP', packet: 'Configure-Request', options: 'MRU 1400' }],
  reason: 'tls-failed',
  explanation: { text: 'The client did not trust the certificate.', code: '0x800B0109', fix: 'import ca.pem' },
};

/** Keeps the `error` lines. */
export class ErrorLog implements Log {
  readonly errors: [event: string, fields: LogFields | undefined][] = [];

  debug(): void {}

  info(): void {}

  warn(): void {}

  error(event: string, fields?: LogFields): void {
    this.errors.push([event, fields]);
  }

  child(): Log {
    return this;
  }
}
