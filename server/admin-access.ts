/** Who may use the admin API over the network: accounts with passwords, and tokens. */
import { setTimeout as sleep } from 'node:timers/promises';
import type {
  AdminAccountsBackend,
  AdminView,
  LoginOutcome,
  NewToken,
  TokensBackend,
  TokenView,
} from '../admin/index.ts';
import { type AdminAccount, type AdminStore, type ApiToken, LoginThrottle, UserStoreError } from '../auth/index.ts';
import type { Clock, Log } from '../core/index.ts';
import { formatEndpoint } from '../tls/index.ts';

/** A login that would wait longer is refused instead, and told when to come back. */
const LONGEST_WAIT_MS = 10_000;
/** Logins that wait, or are being looked at. */
const MOST_LOGINS = 32;
/** Each takes 32 MiB and a thread. */
const MOST_HASHES = 2;

export interface LoginCounts {
  accepted: number;
  refused: number;
  /** Not looked at. */
  slowed: number;
}

export interface AdminLoginOptions {
  readonly store: AdminStore['accounts'];
  readonly clock: Clock;
  readonly log: Log;
  /** For tests. */
  readonly wait?: (ms: number) => Promise<unknown>;
}

/** Logins on the admin page: slowed as those of the VPN are, and few at a time. */
export class AdminLogin implements AdminAccountsBackend {
  readonly #options: AdminLoginOptions;
  readonly #wait: (ms: number) => Promise<unknown>;
  readonly #throttle = new LoginThrottle({ maxEntries: 2000 });
  readonly #hashes = new Gate(MOST_HASHES);
  #underWay = 0;
  /** Since the start. */
  readonly counts: LoginCounts = { accepted: 0, refused: 0, slowed: 0 };

  constructor(options: AdminLoginOptions) {
    this.#options = options;
    this.#wait = options.wait ?? ((ms) => sleep(ms, undefined, { ref: false }));
  }

  exist(): boolean {
    return this.#options.store.count > 0;
  }

  list(): AdminView[] {
    return this.#options.store.list().map(({ name, createdAt, lastLoginAt }) => ({
      name,
      createdAt: createdAt.toISOString(),
      lastLoginAt: lastLoginAt?.toISOString(),
    }));
  }

  isCurrent(account: { readonly id: string; readonly version: number }): boolean {
    return this.#options.store.isCurrent(account);
  }

  async login(
    name: string,
    password: string,
    peer: { readonly address: string; readonly port: number },
  ): Promise<LoginOutcome> {
    const { clock, log } = this.#options;
    if (!this.exist()) return { kind: 'no-account' };
    const fields = { peer: formatEndpoint(peer.address, peer.port), user: name };
    const delayMs = this.#throttle.delayMs(peer.address, name, clock.now());
    if (delayMs > LONGEST_WAIT_MS || this.#underWay >= MOST_LOGINS) {
      this.#throttle.withdraw(peer.address, name, clock.now());
      this.counts.slowed += 1;
      log.warn('admin.login-slowed', fields);
      return { kind: 'slow-down', retryAfterS: Math.max(1, Math.ceil((delayMs - LONGEST_WAIT_MS) / 1000)) };
    }
    this.#underWay += 1;
    try {
      // Before the look, not after: see LocalControl.
      if (delayMs > 0) await this.#wait(delayMs);
      const account = await this.#judge(name, password, peer.address);
      if (account === undefined) {
        this.counts.refused += 1;
        log.warn('admin.login-refused', fields);
        return { kind: 'refused' };
      }
      this.counts.accepted += 1;
      log.info('admin.login', fields);
      return { kind: 'accepted', account: { id: account.id, name: account.name, version: account.version } };
    } finally {
      this.#underWay -= 1;
    }
  }

  async #judge(name: string, password: string, address: string): Promise<AdminAccount | undefined> {
    const { store, clock, log } = this.#options;
    let account: AdminAccount | undefined;
    try {
      account = await this.#hashes.run(() => store.verify(name, password));
    } finally {
      if (account === undefined) this.#throttle.noteFailure(address, name, clock.now());
      else this.#throttle.noteSuccess(address, name, clock.now());
    }
    if (account !== undefined) recordOrLog(log, () => store.recordLogin(account));
    return account;
  }
}

/** Lets so many through at a time; the others wait in order. */
class Gate {
  #free: number;
  readonly #waiting: (() => void)[] = [];

  constructor(most: number) {
    this.#free = most;
  }

  async run<Result>(work: () => Promise<Result>): Promise<Result> {
    if (this.#free > 0) this.#free -= 1;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#free += 1;
      else next();
    }
  }
}

export function tokensBackend(store: AdminStore['tokens'], log: Log): TokensBackend {
  return {
    list: () => store.list().map(viewOf),
    add: (token: NewToken) => {
      const added = store.add(token);
      return { ...viewOf(added), token: added.token };
    },
    remove: (id) => store.remove(id),
    find: (text) => {
      const token = store.find(text);
      if (token === undefined) return undefined;
      recordOrLog(log, () => store.recordUse(token));
      return viewOf(token);
    },
  };
}

function viewOf(token: ApiToken): TokenView {
  return {
    id: token.id,
    name: token.name,
    scopes: token.scopes,
    createdAt: token.createdAt.toISOString(),
    expiresAt: token.expiresAt?.toISOString(),
    lastUsedAt: token.lastUsedAt?.toISOString(),
  };
}

/** Nobody is kept out because a time can't be written. */
function recordOrLog(log: Log, record: () => void): void {
  try {
    record();
  } catch (error) {
    if (!(error instanceof UserStoreError)) throw error;
    log.error('admin.use-not-recorded', { error: error.message });
  }
}
