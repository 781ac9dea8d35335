import type { FastifyInstance, FastifySchema } from 'fastify';
import { SCOPES, TOKEN_DAYS } from '../../core/index.ts';
import type { NewToken, TokensBackend } from '../access-backend.ts';
import { makerOf, scopesOf } from '../asker.ts';
import { fail } from '../failures.ts';
import { done, failures, idParam, text, time } from '../schemas.ts';

export function addTokenRoutes(app: FastifyInstance, tokens: TokensBackend): void {
  const config = { scope: 'admin' } as const;
  app.get('/v1/tokens', { schema: LIST, config }, () => tokens.list());
  app.post<{ Body: NewToken }>('/v1/tokens', { schema: ADD, config }, async (request, reply) => {
    const own = scopesOf(request.asker);
    const beyond = request.body.scopes.find((scope) => !own.includes(scope));
    if (beyond !== undefined) {
      return fail(reply, 403, 'ERR_SCOPE', `a token cannot give the scope '${beyond}', which it lacks itself`);
    }
    return reply.code(201).send(await tokens.add(request.body, makerOf(request.asker)));
  });
  app.delete<{ Params: { id: string } }>('/v1/tokens/:id', { schema: REMOVE, config }, async (request, reply) => {
    await tokens.remove(request.params.id);
    return reply.code(204).send();
  });
}

const scopes = { type: 'array', items: { type: 'string', enum: SCOPES } } as const;

const required = ['id', 'name', 'scopes', 'createdAt'] as const;
const properties = { id: text, name: text, scopes, createdAt: time, expiresAt: time, lastUsedAt: time } as const;

const LIST: FastifySchema = {
  summary: 'API tokens, the oldest first',
  tags: ['access'],
  response: {
    200: { description: 'Tokens, without themselves', type: 'array', items: { type: 'object', required, properties } },
    ...failures,
  },
};

const ADD: FastifySchema = {
  summary:
    'Make an API token; the answer shows it this once. It ends with its maker: the account or its password, or the token ' +
    'that asked for it, whose end it does not outlive',
  tags: ['access'],
  body: {
    type: 'object',
    required: ['name', 'scopes'],
    additionalProperties: false,
    properties: {
      name: { type: 'string', maxLength: 256 },
      scopes: { ...scopes, minItems: 1, maxItems: SCOPES.length, uniqueItems: true },
      expiresInDays: { type: 'integer', minimum: 1, maximum: TOKEN_DAYS.most, default: TOKEN_DAYS.usual },
    },
  },
  response: {
    201: {
      description: 'The token',
      type: 'object',
      required: [...required, 'token'],
      properties: { ...properties, token: text },
    },
    ...failures,
  },
};

const REMOVE: FastifySchema = {
  summary: 'Remove an API token, and those made by it: they are refused from now on',
  tags: ['access'],
  params: idParam,
  response: { 204: done, ...failures },
};
