import swagger from '@fastify/swagger';
import type { FastifyInstance } from 'fastify';
import { ADMIN_COOKIE, SCOPES, version } from '../core/index.ts';

/** Describes, as OpenAPI 3.1, each route that is added after it and does not hide. */
export async function addOpenApi(app: FastifyInstance): Promise<void> {
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'sstpd admin API',
        description: DESCRIPTION,
        version,
        license: { name: 'MIT', identifier: 'MIT' },
      },
      servers: [{ url: '/' }],
      components: {
        securitySchemes: {
          session: { type: 'apiKey', in: 'cookie', name: ADMIN_COOKIE, description: 'From POST /v1/login.' },
          csrf: {
            type: 'apiKey',
            in: 'header',
            name: 'x-csrf-token',
            description: 'With the cookie, for all but GET.',
          },
          token: { type: 'http', scheme: 'bearer', description: 'From POST /v1/tokens or sstpd token add.' },
        },
      },
    },
    transform: ({ schema, url, route }) => {
      const scope = route.config?.scope ?? 'public';
      const isSafe = [route.method].flat().every((method) => method === 'GET' || method === 'HEAD');
      return { url, schema: { ...schema, ...securityOf(scope, isSafe) } };
    },
  });
  let document = '';
  app.addHook('onReady', async () => {
    document = JSON.stringify(app.swagger());
  });
  app.get('/v1/openapi.json', { schema: OPENAPI, config: { scope: 'public' } }, (_request, reply) =>
    reply.type('application/json').send(document),
  );
}

const DESCRIPTION = `Everything that the admin page does. On the unix socket (admin.sock in the data directory) no login is needed.
Scopes of tokens: ${SCOPES.join(', ')}. Errors are { error, message }; the code in error is stable.`;

const OPENAPI = {
  summary: 'This description',
  tags: ['api'],
  response: { 200: { description: 'OpenAPI 3.1', type: 'object', additionalProperties: true } },
} as const;

function securityOf(scope: string, isSafe: boolean): object {
  if (scope === 'public') return { security: [] };
  return { security: [isSafe ? { session: [] } : { session: [], csrf: [] }, { token: [scope] }] };
}
