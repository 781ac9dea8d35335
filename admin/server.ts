import type { Socket } from 'node:net';
import fastify, { type FastifyError, type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import type { Log } from '../core/index.ts';
import type { AdminBackend, UserChange } from './backend.ts';
import {
  ADD_USER,
  ATTEMPT,
  ATTEMPTS,
  CONFIG,
  KILL_SESSION,
  REMOVE_USER,
  SESSIONS,
  SET_USER,
  STATUS,
  USERS,
} from './schemas.ts';
import { listenPrivately } from './socket.ts';

/** The user store's refusals as HTTP; other codes are faults of ours or of the disk. */
const STATUS_OF_CODE: Readonly<Record<string, number>> = {
  ERR_USER_UNKNOWN: 404,
  ERR_USER_EXISTS: 409,
  ERR_USER_ADDRESS: 409,
  ERR_USER_NAME: 400,
  ERR_USER_PASSWORD: 400,
};

export interface AdminServer {
  /** Stops answering, ends open requests' connections and removes the socket. */
  close(): Promise<void>;
}

/** An admin API that is not open yet: all of its code is loaded, so that it can open once the rights to load are gone. */
export interface PreparedAdminServer {
  /** @throws {AdminSocketError} if the socket cannot be opened, or another server has it */
  listen(socketPath: string): Promise<AdminServer>;
}

/**
 * Opens the admin API. Who may open the socket may do everything: its mode is 0600, in a directory with mode 0700.
 * Errors are `{ error: <code>, message }`.
 *
 * @throws {AdminSocketError} if the socket cannot be opened, or another server has it
 */
export async function startAdminServer(options: {
  readonly socketPath: string;
  readonly backend: AdminBackend;
  readonly log: Log;
}): Promise<AdminServer> {
  return (await prepareAdminServer(options)).listen(options.socketPath);
}

export async function prepareAdminServer(options: {
  readonly backend: AdminBackend;
  readonly log: Log;
}): Promise<PreparedAdminServer> {
  const app = fastify({
    logger: false,
    bodyLimit: 16_384,
    requestTimeout: 10_000,
    connectionTimeout: 30_000,
    keepAliveTimeout: 5000,
    routerOptions: { maxParamLength: 2048 },
    // A wrong type is refused, not bent into shape; an unknown property is refused, not dropped.
    ajv: { customOptions: { coerceTypes: false, removeAdditional: false } },
  });
  addErrors(app, options.log);
  addRoutes(app, options.backend);
  const sockets = new Set<Socket>();
  app.server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  await app.ready();
  const close = async (): Promise<void> => {
    // Fastify closes only a server that it has opened itself.
    const closed = app.server.listening && new Promise((resolve) => app.server.close(resolve));
    for (const socket of sockets) socket.destroy();
    await closed;
    await app.close();
  };
  return {
    async listen(socketPath) {
      await listenPrivately(app.server, socketPath);
      return { close };
    },
  };
}

function addRoutes(app: FastifyInstance, backend: AdminBackend): void {
  app.get('/v1/status', { schema: STATUS }, () => backend.status());
  app.get('/v1/config', { schema: CONFIG }, () => backend.config());
  app.get('/v1/sessions', { schema: SESSIONS }, () => backend.sessions());
  app.delete<{ Params: { id: string } }>('/v1/sessions/:id', { schema: KILL_SESSION }, async (request, reply) => {
    if (await backend.killSession(request.params.id)) return reply.code(204).send();
    return fail(reply, 404, 'ERR_SESSION_UNKNOWN', `no session ${request.params.id}`);
  });
  app.get<{ Querystring: { user?: string; after?: string; limit?: string } }>(
    '/v1/attempts',
    { schema: ATTEMPTS },
    (request) => {
      const { user, after, limit } = request.query;
      return backend.attempts({
        ...(user === undefined ? {} : { user }),
        ...(after === undefined ? {} : { after: Number(after) }),
        ...(limit === undefined ? {} : { limit: Number(limit) }),
      });
    },
  );
  app.get<{ Params: { id: string } }>('/v1/attempts/:id', { schema: ATTEMPT }, async (request, reply) => {
    const attempt = backend.attempt(request.params.id);
    return attempt ?? fail(reply, 404, 'ERR_ATTEMPT_UNKNOWN', `no attempt ${request.params.id} is known`);
  });
  app.get('/v1/users', { schema: USERS }, () => backend.users.list());
  app.post<{ Body: { name: string; password: string; ipv4?: string } }>(
    '/v1/users',
    { schema: ADD_USER },
    (request, reply) => {
      const { name, password, ipv4 } = request.body;
      const user = ipv4 === undefined ? backend.users.add(name, password) : backend.users.add(name, password, ipv4);
      return reply.code(201).send(user);
    },
  );
  app.patch<{ Params: { name: string }; Body: UserChange }>('/v1/users/:name', { schema: SET_USER }, (request) =>
    backend.users.set(request.params.name, request.body),
  );
  app.delete<{ Params: { name: string } }>('/v1/users/:name', { schema: REMOVE_USER }, (request, reply) => {
    backend.users.remove(request.params.name);
    return reply.code(204).send();
  });
}

function addErrors(app: FastifyInstance, log: Log): void {
  app.setNotFoundHandler((request, reply) =>
    fail(reply, 404, 'ERR_NOT_FOUND', `${request.method} ${request.url} is not part of this API`),
  );
  app.setErrorHandler((error: FastifyError, request: FastifyRequest, reply: FastifyReply) => {
    const known = STATUS_OF_CODE[error.code];
    if (known !== undefined) return fail(reply, known, error.code, error.message);
    if (error.validation !== undefined) return fail(reply, 400, 'ERR_BAD_REQUEST', error.message);
    if (error.statusCode !== undefined && error.statusCode < 500) {
      return fail(reply, error.statusCode, 'ERR_BAD_REQUEST', error.message);
    }
    log.error('admin.failed', { method: request.method, route: request.routeOptions.url, error });
    // The user store words its own failures for operators, and only operators read this.
    const isStore = typeof error.code === 'string' && error.code.startsWith('ERR_USER_');
    return fail(
      reply,
      500,
      isStore ? error.code : 'ERR_INTERNAL',
      isStore ? error.message : 'internal error, see the log',
    );
  });
}

function fail(reply: FastifyReply, status: number, error: string, message: string): FastifyReply {
  return reply.code(status).send({ error, message });
}
