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
import { formatEndpoint, type Log, originOf } from '../../core/index.ts';
import type { AdminAccount, Admins, ApiToken, Tokens } from '../../store/index.ts';
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
  readonly admins: Pick<Admins, 'exist' | 'list' | 'isCurrent' | 'verify' | 'recordLogin' | 'browsers' | 'browserOf'>;
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

  exist(): Promise<boolean> {
    return this.#options.admins.exist();
  }

  async list(): Promise<AdminView[]> {
    return (await this.#options.admins.list()).map(({ name, createdAt, lastLoginAt }) => ({
      name,
      createdAt: createdAt.toISOString(),
      lastLoginAt: lastLoginAt?.toISOString(),
    }));
  }

  isCurrent(account: { readonly id: string; readonly version: number }): Promise<boolean> {
    return this.#options.admins.isCurrent(account);
  }

  async login({ name, password, peer, browser, signal }: LoginRequest): Promise<LoginOutcome> {
    const { admins, logins } = this.#options;
    if (!(await this.exist())) return { kind: 'no-account' };
    const of = await admins.browserOf(name);
    const known = admins.browsers.check(browser, [of], Date.now());
    const work = { group: originOf(peer.address).address, isFirst: known !== undefined, signal };
    const fields = { peer: formatEndpoint(peer.address, peer.port), user: name };
    const answer = await new Promise<LoginAnswer<AdminJudgement>>((resolve, reject) => {
      const pending = logins.enter({
        ...{ realm: 'admin', address: peer.address, name, method: 'admin', password },
        browser: known,
        judge: () => this.#judge(password, work, fields),
        answer: resolve,
      });
      const leave = (): void => {
        pending.leave();
        reject(signal.reason);
      };
      // Who has hung up by now stands in line all the same, or guesses would leave no trace.
      if (signal.aborted) leave();
      else signal.addEventListener('abort', leave);
    });
    return this.#answer(answer, fields);
  }

  async #answer(answer: LoginAnswer<AdminJudgement>, fields: LoginFields): Promise<LoginOutcome> {
    const { admins, log } = this.#options;
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
        const { id, name, version } = account;
        const of = await admins.browserOf(name);
        // The cookie is good with the password that was given, so that has to be the one of now.
        if (!(await admins.isCurrent(account))) {
          this.#noteRefused(fields);
          return { kind: 'refused' };
        }
        this.counts.accepted += 1;
        log.info('admin.login', fields);
        await recordOrLog(log, () => admins.recordLogin(account));
        const browser = admins.browsers.issue(of, Date.now());
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
    const hashed = await this.#hashes.run(work, () => this.#options.admins.verify(fields.user, password));
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

export function tokensBackend(tokens: Tokens, log: Log): TokensBackend {
  return {
    list: async () => (await tokens.list()).map(viewOf),
    add: async (token: NewToken, maker: TokenMaker) => {
      const added = await tokens.add({ ...token, maker });
      return { ...viewOf(added), token: added.token };
    },
    remove: (id) => tokens.remove(id),
    find: async (text) => {
      const token = await tokens.find(text);
      if (token === undefined) return undefined;
      await recordOrLog(log, () => tokens.recordUse(token));
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
async function recordOrLog(log: Log, record: () => Promise<void>): Promise<void> {
  try {
    await record();
  } catch (error) {
    if (!(error instanceof UserStoreError)) throw error;
    log.error('admin.use-not-recorded', { error: error.message });
  }
}
