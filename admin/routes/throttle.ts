import type { FastifyInstance, FastifySchema } from 'fastify';
import type { AdminBackend, LiftRequest } from '../backend.ts';
import { count, done, failures, flag, text } from '../schemas.ts';

const DEFAULT_SECONDS = 600;
const LONGEST_SECONDS = 86_400;

export function addThrottleRoutes(app: FastifyInstance, throttle: AdminBackend['throttle']): void {
  app.get('/v1/throttle', { schema: LIST, config: { scope: 'read' } }, () => throttle.list());
  app.post<{ Body: Partial<LiftRequest> }>(
    '/v1/throttle/lift',
    { schema: LIFT, config: { scope: 'users' } },
    ({ body }, reply) => {
      const { target, seconds = DEFAULT_SECONDS } = body;
      throttle.lift({ target, seconds });
      return reply.code(204).send();
    },
  );
}

const LIMITS = ['strangers', 'known-address', 'known-browser', 'lifted-name', 'loopback-name', 'loopback'] as const;

const entry = {
  type: 'object',
  required: ['kind', 'of', 'failures', 'waiting', 'others', 'isAttacked'],
  properties: {
    kind: { type: 'string', enum: ['name', 'address', 'network', 'loopback'] },
    realm: { type: 'string', enum: ['vpn', 'admin'], description: 'Of names and of loopback: whose' },
    of: text,
    limit: { type: 'string', enum: LIMITS, description: 'Of names and of loopback: which guesses count together' },
    at: { ...text, description: 'Of names: the one address that they come from; absent: any, or a browser' },
    failures: count,
    waiting: { ...count, description: 'Logins that wait there now' },
    delayMs: { ...count, description: 'What the next one there waits; absent if that is drawn by lot' },
    others: { ...count, description: 'Of a name the networks that failures came from, of others the names' },
    isAttacked: { ...flag, description: 'The guesses are used up' },
    liftedMs: { ...count, description: 'For how long it is lifted' },
  },
} as const;

const LIST: FastifySchema = {
  summary: 'Names and addresses whose logins are slowed, attacked or lifted',
  tags: ['throttle'],
  response: { 200: { description: 'Who is slowed', type: 'array', items: entry }, ...failures },
};

const LIFT: FastifySchema = {
  summary: 'Let a name or an address pass for a while, or forget all failures',
  tags: ['throttle'],
  body: {
    type: 'object',
    additionalProperties: false,
    properties: {
      target: {
        description: 'A user name (it passes until its owner has logged in) or an IP address; absent: all, once',
        type: 'string',
        minLength: 1,
        maxLength: 256,
      },
      seconds: { type: 'integer', minimum: 1, maximum: LONGEST_SECONDS, default: DEFAULT_SECONDS },
    },
  },
  response: { 204: done, ...failures },
};
