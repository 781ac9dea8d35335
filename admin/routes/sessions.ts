import type { FastifyInstance, FastifySchema } from 'fastify';
import type { AdminBackend } from '../backend.ts';
import { fail } from '../failures.ts';
import { count, done, failures, idParam, text, time } from '../schemas.ts';

export function addSessionRoutes(app: FastifyInstance, backend: AdminBackend): void {
  app.get('/v1/sessions', { schema: LIST, config: { scope: 'read' } }, () => backend.sessions());
  app.delete<{ Params: { id: string } }>(
    '/v1/sessions/:id',
    { schema: KILL, config: { scope: 'sessions' } },
    async (request, reply) => {
      if (await backend.killSession(request.params.id)) return reply.code(204).send();
      return fail(reply, 404, 'ERR_SESSION_UNKNOWN', `no session ${request.params.id}`);
    },
  );
}

const session = {
  type: 'object',
  required: ['id', 'peer', 'stage', 'tls', 'connectedAt', 'bytesIn', 'bytesOut'],
  properties: {
    id: text,
    user: text,
    peer: text,
    stage: text,
    ipv4: text,
    ipv6: text,
    method: text,
    tls: text,
    connectedAt: time,
    bytesIn: count,
    bytesOut: count,
    policy: {
      type: 'object',
      description: 'What counts for the session beside its addresses; revision counts its changes since the login',
      required: ['revision'],
      properties: { revision: count },
      additionalProperties: true,
    },
    correlationId: text,
  },
} as const;

const LIST: FastifySchema = {
  summary: 'Connections, the oldest first',
  tags: ['sessions'],
  response: { 200: { description: 'Connections', type: 'array', items: session }, ...failures },
};

const KILL: FastifySchema = {
  summary: 'End a connection',
  tags: ['sessions'],
  params: idParam,
  response: { 204: done, ...failures },
};
