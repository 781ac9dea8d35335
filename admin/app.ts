/** The admin API as Fastify apps: the same routes for the unix socket and for the network, with other checks before them. */
import type { RequestListener, Server } from 'node:http';
import cookie from '@fastify/cookie';
import fastify, { type FastifyInstance, type FastifyReply, type FastifyServerFactory } from 'fastify';
import { type Clock, type Log, systemClock } from '../core/index.ts';
import { addLocalAccess, addNetworkAccess, requireScopes } from './access.ts';
import type { Asker } from './asker.ts';
import type { AdminBackend } from './backend.ts';
import { addFailures, answerBadBytes, answerBadUrl } from './failures.ts';
import { LoginSessions } from './login-sessions.ts';
import { addOpenApi } from './openapi.ts';
import { addPage } from './page.ts';
import { addAccountRoutes } from './routes/accounts.ts';
import { addAttemptRoutes } from './routes/attempts.ts';
import { addLoginRoutes } from './routes/login.ts';
import { addMetricsRoute } from './routes/metrics.ts';
import { addProfileRoute } from './routes/profile.ts';
import { addServerRoutes } from './routes/server.ts';
import { addSessionRoutes } from './routes/sessions.ts';
import { addThrottleRoutes } from './routes/throttle.ts';
import { addTokenRoutes } from './routes/tokens.ts';
import { addUserRoutes } from './routes/users.ts';

/** A server behind TLS that is reached over the network. */
export interface AdminNetwork {
  /** Limits on connections, headers and time are its own. */
  createServer(handler: RequestListener): Server;
  /** Whether the server has that DNS name, in lower case. */
  isOwnName(name: string): boolean;
}

export interface AdminAppOptions {
  readonly backend: AdminBackend;
  readonly log: Log;
  /** Undefined: for the unix socket, where who gets in may do everything. */
  readonly network: AdminNetwork | undefined;
  readonly clock?: Clock;
}

/** All of its code is loaded when it is there. */
export async function createAdminApp(options: AdminAppOptions): Promise<FastifyInstance> {
  const { backend, log, network, clock = systemClock } = options;
  const serverFactory: FastifyServerFactory | undefined =
    network === undefined ? undefined : (handler) => network.createServer(handler);
  const app = fastify({
    logger: false,
    bodyLimit: 16_384,
    requestTimeout: 10_000,
    connectionTimeout: 30_000,
    keepAliveTimeout: 5000,
    routerOptions: { maxParamLength: 2048 },
    // A wrong type is refused, not bent into shape; an unknown property is refused, not dropped.
    ajv: { customOptions: { coerceTypes: false, removeAdditional: false } },
    clientErrorHandler: answerBadBytes,
    frameworkErrors: (error, _request, reply) => void answerBadUrl(error, reply as FastifyReply),
    ...(serverFactory === undefined ? {} : { serverFactory }),
  });
  const logins = new LoginSessions(clock, (account) => backend.accounts.isCurrent(account));
  app.decorateRequest('asker');
  requireScopes(app);
  addFailures(app, log);
  await app.register(cookie);
  app.addHook('onRequest', async (request, reply) => {
    request.asker = NOBODY;
    reply.headers(SECURITY_HEADERS);
  });
  if (network === undefined) addLocalAccess(app);
  else addNetworkAccess(app, { logins, tokens: backend.tokens, isOwnName: (name) => network.isOwnName(name), log });
  await addOpenApi(app);
  addLoginRoutes(app, backend.accounts, logins);
  addServerRoutes(app, backend);
  addMetricsRoute(app, backend);
  addSessionRoutes(app, backend);
  addAttemptRoutes(app, backend);
  addUserRoutes(app, backend.users);
  addProfileRoute(app, backend);
  addAccountRoutes(app, backend.accounts);
  addThrottleRoutes(app, backend.throttle);
  addTokenRoutes(app, backend.tokens);
  addPage(app);
  await app.ready();
  return app;
}

const NOBODY: Asker = { kind: 'nobody' };

/** Answers are data; what is a page says so itself. */
const SECURITY_HEADERS: Readonly<Record<string, string>> = {
  'cache-control': 'no-store',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
};
