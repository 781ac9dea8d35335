import type { FastifyInstance, FastifySchema } from 'fastify';
import type { AdminBackend } from '../backend.ts';
import { fail } from '../failures.ts';
import { count, failures, idParam, text, time } from '../schemas.ts';

export function addAttemptRoutes(app: FastifyInstance, backend: AdminBackend): void {
  app.get<{ Querystring: { user?: string; after?: string; limit?: string } }>(
    '/v1/attempts',
    { schema: LIST, config: { scope: 'read' } },
    (request) => {
      const { user, after, limit } = request.query;
      return backend.attempts({
        ...(user === undefined ? {} : { user }),
        ...(after === undefined ? {} : { after: Number(after) }),
        ...(limit === undefined ? {} : { limit: Number(limit) }),
      });
    },
  );
  app.get<{ Params: { id: string } }>(
    '/v1/attempts/:id',
    { schema: ONE, config: { scope: 'read' } },
    async (request, reply) => {
      const attempt = backend.attempt(request.params.id);
      return attempt ?? fail(reply, 404, 'ERR_ATTEMPT_UNKNOWN', `no attempt ${request.params.id} is known`);
    },
  );
}

const attempt = {
  type: 'object',
  required: ['id', 'peer', 'startedAt', 'state', 'stage', 'stages', 'options'],
  properties: {
    id: text,
    correlationId: text,
    peer: text,
    startedAt: time,
    endedAt: time,
    state: { type: 'string', enum: ['under-way', 'up', 'ended', 'failed'] },
    user: text,
    tls: text,
    sni: text,
    offered: { type: 'object', properties: { versions: text, ciphers: text, protocols: text } },
    alert: text,
    http: text,
    stage: text,
    stages: {
      type: 'array',
      items: { type: 'object', required: ['stage', 'ms'], properties: { stage: text, ms: { type: 'number' } } },
    },
    options: {
      type: 'array',
      items: { type: 'object', properties: { from: text, protocol: text, packet: text, options: text } },
    },
    reason: text,
    explanation: { type: 'object', required: ['text'], properties: { text, code: text, fix: text } },
  },
} as const;

const LIST: FastifySchema = {
  summary: 'Attempts to connect, the oldest first',
  tags: ['attempts'],
  querystring: {
    type: 'object',
    additionalProperties: false,
    properties: {
      user: { type: 'string', minLength: 1, maxLength: 256 },
      // Nothing in a query is a number by itself.
      after: { type: 'string', pattern: '^\\d{1,15}$', description: 'Only what is newer than `last` of an answer' },
      limit: { type: 'string', pattern: '^[1-9]\\d{0,5}$', description: 'The newest so many' },
    },
  },
  response: {
    200: {
      description: 'Attempts',
      type: 'object',
      required: ['last', 'attempts'],
      properties: { last: count, attempts: { type: 'array', items: attempt } },
    },
    ...failures,
  },
};

const ONE: FastifySchema = {
  summary: 'One attempt, by its id or its correlation id',
  tags: ['attempts'],
  params: idParam,
  response: { 200: { description: 'The attempt', ...attempt }, ...failures },
};
