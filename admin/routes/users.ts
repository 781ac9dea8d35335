import type { FastifyInstance, FastifySchema } from 'fastify';
import type { AdminBackend, NewUser, UserChange } from '../backend.ts';
import { count, done, failures, flag, name, nameParam, password, text, texts, time } from '../schemas.ts';

export function addUserRoutes(app: FastifyInstance, users: AdminBackend['users']): void {
  app.get('/v1/users', { schema: LIST, config: { scope: 'read' } }, () => users.list());
  app.post<{ Body: NewUser }>('/v1/users', { schema: ADD, config: { scope: 'users' } }, async (request, reply) =>
    reply.code(201).send(await users.add(request.body)),
  );
  app.patch<{ Params: { name: string }; Body: UserChange }>(
    '/v1/users/:name',
    { schema: SET, config: { scope: 'users' } },
    (request) => users.set(request.params.name, request.body),
  );
  app.delete<{ Params: { name: string } }>(
    '/v1/users/:name',
    { schema: REMOVE, config: { scope: 'users' } },
    async (request, reply) => {
      await users.remove(request.params.name);
      return reply.code(204).send();
    },
  );
}

const user = {
  type: 'object',
  required: ['name', 'enabled', 'secretKind', 'createdAt', 'groups', 'sessions'],
  properties: {
    name: text,
    enabled: flag,
    ipv4: text,
    ipv4Fault: text,
    secretKind: { type: 'string', enum: ['password', 'nt-hash'] },
    weak: flag,
    createdAt: time,
    lastLoginAt: time,
    groups: texts,
    sessions: count,
  },
} as const;

const groups = { type: 'array', maxItems: 64, items: { type: 'string', maxLength: 64 } } as const;

const LIST: FastifySchema = {
  summary: 'Users by name',
  tags: ['users'],
  response: { 200: { description: 'Users', type: 'array', items: user }, ...failures },
};

const ADD: FastifySchema = {
  summary: 'Add a user; weak takes a password that guessers try first',
  tags: ['users'],
  body: {
    type: 'object',
    required: ['name', 'password'],
    additionalProperties: false,
    properties: { name, password, weak: flag, ipv4: { type: 'string', maxLength: 64 }, groups },
  },
  response: { 201: { description: 'The user', ...user }, ...failures },
};

const SET: FastifySchema = {
  summary:
    'Change a user: what is absent stays; ipv4 null takes the fixed address away; groups are all groups then; a new ' +
    'password ends the sessions unless keepSessions; weak takes one that guessers try first',
  tags: ['users'],
  params: nameParam,
  body: {
    type: 'object',
    minProperties: 1,
    additionalProperties: false,
    properties: {
      ...{ password, weak: flag, keepSessions: flag },
      ...{ ipv4: { type: ['string', 'null'], maxLength: 64 }, enabled: flag, groups },
    },
  },
  response: { 200: { description: 'The user', ...user }, ...failures },
};

const REMOVE: FastifySchema = {
  summary: 'Remove a user, and end the connections',
  tags: ['users'],
  params: nameParam,
  response: { 204: done, ...failures },
};
