import type { FastifyRequest } from 'fastify';
import { ADMIN_COOKIE, SCOPES, type Scope } from '../core/index.ts';
import type { TokenMaker, TokensBackend, TokenView } from './access-backend.ts';
import type { LoginSession, LoginSessions } from './login-sessions.ts';

/** Who sends a request. */
export type Asker =
  /** Whoever may open the unix socket. */
  | { readonly kind: 'local' }
  | { readonly kind: 'account'; readonly session: LoginSession }
  | { readonly kind: 'token'; readonly token: TokenView }
  | { readonly kind: 'nobody' };

declare module 'fastify' {
  interface FastifyRequest {
    asker: Asker;
  }
  interface FastifyContextConfig {
    /** Who may ask: whoever has this scope, or, with `public`, everybody. Each route has one. */
    scope?: RouteScope;
  }
}

export type RouteScope = Scope | 'public';

/** A header with a token counts alone: a browser never adds one by itself. */
export async function askerOf(request: FastifyRequest, logins: LoginSessions, tokens: TokensBackend): Promise<Asker> {
  const { authorization } = request.headers;
  if (authorization !== undefined) {
    const token = await tokens.find(/^bearer +(\S+)$/i.exec(authorization)?.[1] ?? '');
    return token === undefined ? { kind: 'nobody' } : { kind: 'token', token };
  }
  const cookie = request.cookies[ADMIN_COOKIE];
  const session = cookie === undefined ? undefined : await logins.find(cookie);
  return session === undefined ? { kind: 'nobody' } : { kind: 'account', session };
}

export function scopesOf(asker: Asker): readonly Scope[] {
  switch (asker.kind) {
    case 'local':
    case 'account':
      return SCOPES;
    case 'token':
      return asker.token.scopes;
    case 'nobody':
      return [];
    default:
      return asker satisfies never;
  }
}

/** As whom it makes tokens. */
export function makerOf(asker: Asker): TokenMaker {
  switch (asker.kind) {
    case 'account':
      return { kind: 'account', id: asker.session.account.id, version: asker.session.account.version };
    case 'token':
      return { kind: 'token', id: asker.token.id };
    case 'local':
    case 'nobody': // has no scope to do it
      return undefined;
    default:
      return asker satisfies never;
  }
}

/** For the log. */
export function nameOf(asker: Asker): { readonly user?: string; readonly token?: string } {
  switch (asker.kind) {
    case 'account':
      return { user: asker.session.account.name };
    case 'token':
      return { token: asker.token.name };
    case 'local':
    case 'nobody':
      return {};
    default:
      return asker satisfies never;
  }
}
