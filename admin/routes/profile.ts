import type { FastifyInstance, FastifySchema } from 'fastify';
import type { AdminBackend } from '../backend.ts';
import { count, failures, flag, nameParam, text, texts } from '../schemas.ts';

export function addProfileRoute(app: FastifyInstance, backend: AdminBackend): void {
  app.get<{ Params: { name: string }; Querystring: { host?: string } }>(
    '/v1/users/:name/profile',
    { schema: PROFILE, config: { scope: 'read' } },
    (request) => backend.profile(request.params.name, request.query.host),
  );
}

const PROFILE: FastifySchema = {
  summary: "What the files for a user's clients are made of; no password is among it",
  tags: ['users'],
  params: nameParam,
  querystring: {
    type: 'object',
    additionalProperties: false,
    properties: {
      host: {
        type: 'string',
        minLength: 1,
        maxLength: 253,
        description: 'To be dialled instead of the best name in the certificate',
      },
    },
  },
  response: {
    200: {
      description: 'The facts',
      type: 'object',
      required: [
        'user',
        'connection',
        'host',
        'port',
        'methods',
        'certificateSha256',
        'routes',
        'hasIpv6',
        'dns',
        'alwaysOn',
      ],
      properties: {
        user: text,
        connection: text,
        host: text,
        port: count,
        methods: texts,
        caPem: text,
        certificateSha256: text,
        routes: texts,
        hasIpv6: flag,
        dnsSuffix: text,
        dns: texts,
        alwaysOn: flag,
      },
    },
    ...failures,
  },
};
