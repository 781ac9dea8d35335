/** Who may ask what: each request passes here before its body is read. */
import { timingSafeEqual } from 'node:crypto';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { formatEndpoint, isForUs, isScope, type Log } from '../core/index.ts';
import type { TokensBackend } from './access-backend.ts';
import { type Asker, askerOf, nameOf, scopesOf } from './asker.ts';
import { fail } from './failures.ts';
import type { LoginSessions } from './login-sessions.ts';

export interface AccessOptions {
  readonly logins: LoginSessions;
  readonly tokens: TokensBackend;
  /** Whether the server has that DNS name, in lower case. */
  readonly isOwnName: (name: string) => boolean;
  readonly log: Log;
}

/** A route that forgets to say who may ask it does not get into the app. */
export function requireScopes(app: FastifyInstance): void {
  app.addHook('onRoute', ({ url, config }) => {
    const scope = config?.scope;
    if (scope !== 'public' && !isScope(scope ?? '')) {
      throw new Error(`the route ${url} has no scope`);
    }
  });
}

/** On the unix socket, whose mode is the check. */
export function addLocalAccess(app: FastifyInstance): void {
  app.addHook('onRequest', async (request) => {
    request.asker = { kind: 'local' };
  });
}

/** On the network: host, origin, who it is, scope, CSRF token. */
export function addNetworkAccess(app: FastifyInstance, options: AccessOptions): void {
  const { logins, tokens, isOwnName, log } = options;
  app.addHook('onRequest', async (request, reply) => {
    const refusal = await refusalOf(request);
    if (refusal === undefined) return undefined;
    // A page that was left open goes on asking when its login is over.
    const isStale = refusal === REFUSALS.nobody && request.headers.authorization === undefined;
    log[isStale ? 'debug' : 'warn']('admin.refused', {
      peer: peerOf(request),
      ...nameOf(request.asker),
      method: request.method,
      route: request.routeOptions.url,
      code: refusal.code,
    });
    if (refusal.status === 401) reply.header('www-authenticate', 'Bearer realm="sstpd"');
    return fail(reply, refusal.status, refusal.code, refusal.message);
  });
  // What was changed by whom.
  app.addHook('onResponse', async (request, reply) => {
    if (!isUnsafe(request) || request.asker.kind === 'nobody') return;
    log.info('admin.request', {
      peer: peerOf(request),
      ...nameOf(request.asker),
      method: request.method,
      path: pathOf(request.url).slice(0, MOST_LOGGED),
      status: reply.statusCode,
    });
  });

  async function refusalOf(request: FastifyRequest): Promise<Refusal | undefined> {
    if (!isForUs(request.raw, isOwnName)) return REFUSALS.host;
    const { origin } = request.headers;
    if (origin !== undefined && origin.toLowerCase() !== `https://${request.headers.host?.toLowerCase()}`) {
      return REFUSALS.origin;
    }
    request.asker = await askerOf(request, logins, tokens);
    const scope = request.routeOptions.config.scope;
    // Without a scope, there is no such route.
    if (scope !== undefined && scope !== 'public' && !scopesOf(request.asker).includes(scope)) {
      return request.asker.kind === 'nobody' ? REFUSALS.nobody : REFUSALS.scope(scope);
    }
    return isUnsafe(request) && !hasCsrfToken(request, request.asker) ? REFUSALS.csrf : undefined;
  }
}

interface Refusal {
  readonly status: number;
  readonly code: string;
  readonly message: string;
}

const REFUSALS = {
  host: {
    status: 421,
    code: 'ERR_HOST',
    message: 'this server has no such name: use its address, or a name of its certificate or of the key hosts',
  },
  origin: { status: 403, code: 'ERR_ORIGIN', message: 'a page of another site must not ask here' },
  nobody: {
    status: 401,
    code: 'ERR_UNAUTHENTICATED',
    message: 'log in at /v1/login, or send a token: Authorization: Bearer TOKEN',
  },
  csrf: { status: 403, code: 'ERR_CSRF', message: 'a change needs the header x-csrf-token, as the login gave it' },
  scope: (scope: string): Refusal => ({
    status: 403,
    code: 'ERR_SCOPE',
    message: `the token lacks the scope '${scope}'`,
  }),
} as const;

const MOST_LOGGED = 200;

/** As one text for all ways to write it: without the query, which is the asker's to make up, and escaped alike. */
export function pathOf(url: string): string {
  const [path = ''] = url.split(/[?#;]/, 1);
  return path
    .split('/')
    .map((segment) => {
      try {
        return encodeURIComponent(decodeURIComponent(segment));
      } catch {
        return segment; // refused by the router, too
      }
    })
    .join('/');
}

function isUnsafe({ method }: FastifyRequest): boolean {
  return method !== 'GET' && method !== 'HEAD';
}

/** Only a cookie is sent by a browser without its page's doing. */
function hasCsrfToken(request: FastifyRequest, asker: Asker): boolean {
  if (asker.kind !== 'account') return true;
  const given = request.headers['x-csrf-token'];
  const [a, b] = [Buffer.from(typeof given === 'string' ? given : ''), Buffer.from(asker.session.csrf)];
  return a.length === b.length && timingSafeEqual(a, b);
}

/** `192.0.2.1:5000` or `[2001:db8::1]:5000`. */
export function peerOf({ socket }: FastifyRequest): string {
  const { remoteAddress: address = '', remotePort: port = 0 } = socket;
  return formatEndpoint(address, port);
}
