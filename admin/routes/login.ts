import type { FastifyInstance, FastifyReply, FastifySchema } from 'fastify';
import { ADMIN_BROWSER_COOKIE, ADMIN_COOKIE } from '../../core/index.ts';
import type { AdminAccountsBackend } from '../access-backend.ts';
import { fail } from '../failures.ts';
import type { LoginSession, LoginSessions } from '../login-sessions.ts';
import { done, failures, flag, name, password, text, time } from '../schemas.ts';

export function addLoginRoutes(app: FastifyInstance, accounts: AdminAccountsBackend, logins: LoginSessions): void {
  const view = (session: LoginSession): object => ({
    name: session.account.name,
    csrf: session.csrf,
    expiresAt: logins.expiry(session).toISOString(),
  });
  const config = { scope: 'public' } as const;

  app.get('/v1/login', { schema: SEE, config }, async ({ asker }) => {
    const needsSetup = !(await accounts.exist());
    return asker.kind === 'account' ? { needsSetup, ...view(asker.session) } : { needsSetup };
  });

  app.post<{ Body: { name: string; password: string } }>(
    '/v1/login',
    { schema: BEGIN, config },
    async (request, reply) => {
      const { remoteAddress = '', remotePort = 0 } = request.socket;
      const peer = { address: remoteAddress, port: remotePort };
      const browser = request.cookies[ADMIN_BROWSER_COOKIE];
      // Not request.signal: the request is over as soon as its body was read.
      const gone = new AbortController();
      reply.raw.once('close', () => gone.abort());
      const outcome = await accounts.login({ ...request.body, peer, browser, signal: gone.signal });
      switch (outcome.kind) {
        case 'accepted': {
          const before = request.cookies[ADMIN_COOKIE];
          if (before !== undefined) logins.end(before);
          const { session, cookie } = logins.begin(outcome.account);
          return reply
            .setCookie(ADMIN_COOKIE, cookie, COOKIE_OPTIONS)
            .setCookie(ADMIN_BROWSER_COOKIE, outcome.browser, { ...COOKIE_OPTIONS, maxAge: BROWSER_AGE_S })
            .send(view(session));
        }
        case 'refused':
          reply.header('www-authenticate', 'Bearer realm="sstpd"');
          return fail(reply, 401, 'ERR_LOGIN', 'wrong name or password');
        case 'slow-down': {
          reply.header('retry-after', outcome.retryAfterS);
          const wait = `try again in ${outcome.retryAfterS} s`;
          return fail(reply, 429, 'ERR_SLOW_DOWN', `too many logins have failed: ${wait}`);
        }
        case 'no-account':
          return fail(
            reply,
            409,
            'ERR_SETUP',
            'there is no admin account: sstpd admin add NAME, on the server and with its --data, makes one',
          );
        default:
          return outcome satisfies never;
      }
    },
  );

  app.delete('/v1/login', { schema: END, config }, (request, reply): FastifyReply => {
    const cookie = request.cookies[ADMIN_COOKIE];
    if (cookie !== undefined && request.asker.kind === 'account') logins.end(cookie);
    return reply.clearCookie(ADMIN_COOKIE, COOKIE_OPTIONS).code(204).send();
  });
}

const BROWSER_AGE_S = 30 * 86_400;

/** Without an age: the browser forgets it when it ends, the server before that. */
const COOKIE_OPTIONS = { path: '/', secure: true, httpOnly: true, sameSite: 'strict' } as const;

const session = { name: text, csrf: { ...text, description: 'For the header x-csrf-token' }, expiresAt: time } as const;

const SEE: FastifySchema = {
  summary: 'Who is logged in, and whether there is an account at all',
  tags: ['access'],
  response: {
    200: {
      description: 'name, csrf and expiresAt are there if the cookie is good',
      type: 'object',
      required: ['needsSetup'],
      properties: { needsSetup: flag, ...session },
    },
    ...failures,
  },
};

const BEGIN: FastifySchema = {
  summary: 'Log in with an admin account: the answer sets the cookie',
  tags: ['access'],
  body: {
    type: 'object',
    required: ['name', 'password'],
    additionalProperties: false,
    properties: { name, password },
  },
  response: {
    200: {
      description: 'Logged in',
      type: 'object',
      required: ['name', 'csrf', 'expiresAt'],
      properties: session,
    },
    ...failures,
  },
};

const END: FastifySchema = {
  summary: 'Log out',
  tags: ['access'],
  response: { 204: done, ...failures },
};
