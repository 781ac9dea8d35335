import { createHash, randomBytes } from 'node:crypto';
import { UserStoreError } from '../../auth/index.ts';
import { isScope, TOKEN_DAYS } from '../../core/index.ts';
import type { ApiToken, NewApiToken, TokenMaker } from '../ports.ts';
import type { StoreAccess } from './access.ts';
import { type Columns, integer, optional, text, time, words } from './columns.ts';
import { prepareAll, type Statements } from './statements.ts';

/** So that a scanner for leaked secrets knows one when it sees it. */
const PREFIX = 'sstpd_';
const TOKEN = /^sstpd_[A-Za-z0-9_-]{43}$/;

const MOST_TOKENS = 1000;
const DAY_MS = 86_400_000;
/** The last use is not written more often. */
const USE_EVERY_MS = 600_000;

const SQL = {
  insert: `INSERT INTO tokens (id, name, hash, scopes, created_at, expires_at, admin_id, parent_id)
           VALUES (:id, :name, :hash, :scopes, :created_at, :expires_at, :admin_id, :parent_id)`,
  list: 'SELECT * FROM tokens ORDER BY created_at, id',
  count: 'SELECT count(*) AS count FROM tokens',
  find: 'SELECT * FROM tokens WHERE hash = :hash',
  byId: 'SELECT * FROM tokens WHERE id = :id',
  isCurrent: 'SELECT 1 FROM admins WHERE id = :id AND version = :version',
  recordUse: 'UPDATE tokens SET last_used_at = :last_used_at WHERE id = :id',
  remove: 'DELETE FROM tokens WHERE id = :id',
} as const;

/** Methods throw `UserStoreError`: the code each names, and ERR_USER_STORE if the file cannot be read or written. */
export class ApiTokens {
  readonly #access: StoreAccess;
  readonly #statements: Statements<keyof typeof SQL>;

  constructor(access: StoreAccess) {
    this.#access = access;
    this.#statements = access.run(() => prepareAll(access.database, SQL));
  }

  /** @returns the token too, which nobody can read later @throws {UserStoreError} ERR_TOKEN */
  add(options: NewApiToken): ApiToken & { readonly token: string } {
    const { name, scopes, expiresInDays = TOKEN_DAYS.usual, maker } = options;
    if (!/^[A-Za-z0-9._-]{1,64}$/.test(name)) {
      throw new UserStoreError('ERR_TOKEN', 'the name of a token has 1 to 64 of A-Z, a-z, 0-9, dot, _ and -');
    }
    const token = PREFIX + randomBytes(32).toString('base64url');
    const { insert, find, count } = this.#statements;
    return this.#access.change(() => {
      if (integer(count.get() ?? {}, 'count') >= MOST_TOKENS) {
        throw new UserStoreError('ERR_TOKEN', `there are ${MOST_TOKENS} tokens: remove some first`);
      }
      const createdAt = this.#access.now().getTime();
      const { adminId, parentId, endsAt } = this.#originOf(maker);
      const wished = expiresInDays === 'never' ? undefined : createdAt + expiresInDays * DAY_MS;
      const expiresAt = Math.min(wished ?? Number.POSITIVE_INFINITY, endsAt ?? Number.POSITIVE_INFINITY);
      insert.run({
        id: randomBytes(6).toString('hex'),
        name,
        hash: hashOf(token),
        scopes: [...new Set(scopes)].join(','),
        created_at: createdAt,
        expires_at: Number.isFinite(expiresAt) ? expiresAt : null,
        admin_id: adminId,
        parent_id: parentId,
      });
      return { ...readToken(find.get({ hash: hashOf(token) }) ?? {}), token };
    });
  }

  /** What a token has of its maker, looked up as it is made: it does not outlive it. */
  #originOf(maker: TokenMaker | undefined): TokenOrigin {
    const { byId, isCurrent } = this.#statements;
    if (maker === undefined) return { adminId: null, parentId: null, endsAt: undefined };
    if (maker.kind === 'account') {
      const { id, version } = maker;
      if (isCurrent.get({ id, version }) === undefined) throw new UserStoreError('ERR_TOKEN', 'the login is over');
      return { adminId: id, parentId: null, endsAt: undefined };
    }
    const columns = byId.get({ id: maker.id });
    if (columns === undefined) throw new UserStoreError('ERR_TOKEN', 'the token that asks for it is gone');
    const adminId = optional(columns, 'admin_id', text) ?? null;
    return { adminId, parentId: maker.id, endsAt: optional(columns, 'expires_at', time)?.getTime() };
  }

  /** The oldest first; those that have expired too. */
  list(): ApiToken[] {
    return this.#access.run(() => this.#statements.list.all().map(readToken));
  }

  /** With those that were made by it. @throws {UserStoreError} ERR_TOKEN_UNKNOWN */
  remove(id: string): void {
    const { changes } = this.#access.change(() => this.#statements.remove.run({ id }));
    if (changes === 0) throw new UserStoreError('ERR_TOKEN_UNKNOWN', `there is no token '${id}'`);
  }

  /**
   * The token by its text, if it is valid now. It is looked up by its hash: how long that takes tells of a hash, from
   * which no token follows.
   */
  find(token: string): ApiToken | undefined {
    if (!TOKEN.test(token)) return undefined;
    const columns = this.#access.run(() => this.#statements.find.get({ hash: hashOf(token) }));
    const found = columns === undefined ? undefined : readToken(columns);
    const isOver = found?.expiresAt !== undefined && found.expiresAt <= this.#access.now();
    return isOver ? undefined : found;
  }

  /** Notes the time of a use, now and then. */
  recordUse({ id, lastUsedAt }: ApiToken): void {
    const now = this.#access.now().getTime();
    if (lastUsedAt !== undefined && now - lastUsedAt.getTime() < USE_EVERY_MS) return;
    this.#access.change(() => this.#statements.recordUse.run({ id, last_used_at: now }));
  }
}

interface TokenOrigin {
  readonly adminId: string | null;
  readonly parentId: string | null;
  /** Milliseconds since 1970. */
  readonly endsAt: number | undefined;
}

function hashOf(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}

function readToken(columns: Columns): ApiToken {
  return {
    id: text(columns, 'id'),
    name: text(columns, 'name'),
    scopes: words(columns, 'scopes').filter(isScope),
    createdAt: time(columns, 'created_at'),
    expiresAt: optional(columns, 'expires_at', time),
    lastUsedAt: optional(columns, 'last_used_at', time),
  };
}
