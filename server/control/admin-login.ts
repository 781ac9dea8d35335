/** Who may use the admin API over the network: accounts with passwords, and tokens. */
import type {
  AdminAccountsBackend,
  AdminView,
  LoginOutcome,
  LoginRequest,
  NewToken,
  TokenMaker,
  TokensBackend,
  TokenView,
} from '../../admin/index.ts';
import { UserStoreError } from '../../auth/index.ts';
import { holdFields } from '../../auth/throttle/hold-text.ts';
import { type Log, originOf } from '../../core/index.ts';
import type { AdminAccount, AdminStore, ApiToken } from '../../store/index.ts';
import { formatEndpoint } from '../../tls/index.ts';
import type { Judged, LoginAnswer, LoginDesk } from './login-desk.ts';
import { WorkQueue, type WorkRequest } from './work-queue.ts';

/** Each takes 32 MiB and a thread. */
const MOST_HASHES = 2;
/** Each takes some 100 ms, so that the last of them still comes within two seconds. */
const MOST_WAITING = 32;
/** When to come again, if nobody looked at a login: a place in line is kept for longer. */
const COME_AGAIN_S = 10;

export interface LoginCounts {
  accepted: number;
  refused: number;
  /** Not looked at. */
  slowed: number;
}

export interface AdminLoginOptions {
  readonly store: Pick<AdminStore, 'accounts' | 'browsers'>;
  /** The one of VPN logins: what fails here slows those of the same address, and the other way round. */
  readonly logins: LoginDesk;
  readonly log: Log;
  /** From 0 up to 1. */
  readonly random?: () => number;
}

/** Logins on the admin page: slowed as those of the VPN are, and few at a time. */
export class AdminLogin implements AdminAccountsBackend {
  readonly #options: AdminLoginOptions;
  readonly #hashes: WorkQueue;
  /** Since the start. */
  readonly counts: LoginCounts = { accepted: 0, refused: 0, slowed: 0 };

  constructor(options: AdminLoginOptions) {
    this.#options = options;
    const { random = Math.random } = options;
    this.#hashes = new WorkQueue({ mostRunning: MOST_HASHES, mostWaiting: MOST_WAITING, random });
  }

  exist(): boolean {
    return this.#options.store.accounts.count > 0;
  }

  list(): AdminView[] {
    return this.#options.store.accounts.list().map(({ name, createdAt, lastLoginAt }) => ({
      name,
      createdAt: createdAt.toISOString(),
      lastLoginAt: lastLoginAt?.toISOString(),
    }));
  }

  isCurrent(account: { readonly id: string; readonly version: number }): boolean {
    return this.#options.store.accounts.isCurrent(account);
  }

  async login({ name, password, peer, browser, signal }: LoginRequest): Promise<LoginOutcome> {
    const { store, logins } = this.#options;
    if (!this.exist()) return { kind: 'no-account' };
    const of = store.accounts.browserOf(name);
    const known = store.browsers.check(browser, [of], Date.now());
    const work = { group: originOf(peer.address).address, isFirst: known !== undefined, signal };
    const fields = { peer: formatEndpoint(peer.address, peer.port), user: name };
    const answer = await new Promise<LoginAnswer<AdminJudgement>>((resolve, reject) => {
      const pending = logins.enter({
        ...{ realm: 'admin', address: peer.address, name, method: 'admin', password },
        browser: known,
        judge: () => this.#judge(password, work, fields),
        answer: resolve,
      });
      signal.addEventListener('abort', () => {
        pending.leave();
        reject(signal.reason);
      });
    });
    return this.#answer(answer, fields);
  }

  #answer(answer: LoginAnswer<AdminJudgement>, fields: LoginFields): LoginOutcome {
    const { store, log } = this.#options;
    switch (answer.kind) {
      case 'held-back':
        this.counts.slowed += 1;
        log.warn('admin.login-slowed', { ...fields, ...holdFields(answer.hold, answer.delayMs) });
        return { kind: 'slow-down', retryAfterS: COME_AGAIN_S };
      case 'continue':
        throw new Error('no question of a login can be shown here');
      case 'fault':
        throw new Error(answer.error);
      case 'judged': {
        const account = answer.result.user;
        if (answer.result.outcome === 'unjudged') {
          this.counts.slowed += 1;
          log.warn('admin.login-slowed', { ...fields, delayMs: answer.delayMs, waiting: this.#hashes.waiting });
          return { kind: 'slow-down', retryAfterS: COME_AGAIN_S };
        }
        if (account === undefined) {
          this.#noteRefused(fields);
          return { kind: 'refused' };
        }
        this.counts.accepted += 1;
        log.info('admin.login', fields);
        recordOrLog(log, () => store.accounts.recordLogin(account));
        const { id, name, version } = account;
        const browser = store.browsers.issue(store.accounts.browserOf(name), Date.now());
        return { kind: 'accepted', account: { id, name, version }, browser };
      }
      default:
        return answer satisfies never;
    }
  }

  #noteRefused(fields: LoginFields): void {
    this.counts.refused += 1;
    this.#options.log.warn('admin.login-refused', fields);
  }

  async #judge(password: string, work: WorkRequest, fields: LoginFields): Promise<AdminJudgement> {
    const hashed = await this.#hashes.run(work, () => this.#options.store.accounts.verify(fields.user, password));
    if (hashed.kind !== 'done') {
      const reason = hashed.kind === 'aborted' ? 'abandoned' : 'held-back';
      return { outcome: 'unjudged', reason, user: undefined };
    }
    const user = hashed.result;
    // Who hung up meanwhile gets no answer; it was a guess all the same.
    if (user === undefined && work.signal.aborted) this.#noteRefused(fields);
    // Which of the two it was is nobody's to learn, so both have one name.
    return user === undefined
      ? { outcome: 'refused', reason: 'wrong-password', user }
      : { outcome: 'accepted', reason: 'ok', user };
  }
}

/** Of lines about one login. */
type LoginFields = Readonly<Record<'peer' | 'user', string>>;

interface AdminJudgement extends Judged {
  readonly user: AdminAccount | undefined;
}

export function tokensBackend(store: AdminStore['tokens'], log: Log): TokensBackend {
  return {
    list: () => store.list().map(viewOf),
    add: (token: NewToken, maker: TokenMaker) => {
      const added = store.add({ ...token, maker });
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
