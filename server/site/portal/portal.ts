/** The user portal: sign in with the VPN's password, fetch the files for one's clients. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import cookiePlugin from '@fastify/cookie';
import fastify, { type FastifyError, type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import { fileNamed } from '../../../profile/index.ts';
import { hasBody } from '../plain-answer.ts';
import type { AskPortal, PortalAnswer } from './backend.ts';
import { BROWSER_COOKIE, BROWSER_MS, FORM_COOKIE, PortalCookies, SESSION_COOKIE, SIGNED_IN_MS } from './cookies.ts';
import { PORTAL_HEADERS } from './html.ts';
import { homePage, messagePage, signInPage } from './pages.ts';

export interface PortalOptions {
  /** `/portal`; the portal has this path and all below it. */
  readonly path: string;
  /** 32 bytes, the same in each worker. */
  readonly key: Uint8Array;
  readonly ask: AskPortal;
  /** Milliseconds since 1970; for tests. */
  readonly now?: () => number;
}

export interface Portal {
  /** Whether a request's target is the portal's. It is taken as sent: nothing is decoded or resolved. */
  owns(target: string): boolean;
  handle(request: IncomingMessage, response: ServerResponse): void;
  close(): Promise<void>;
}

/** Name, password and token fit into half of it, with each of their bytes percent-encoded. */
const MOST_BODY_BYTES = 8_192;

const FORM = 'application/x-www-form-urlencoded';

const token = { type: 'string', minLength: 1, maxLength: 64 } as const;

/** Fields are texts, each once, and no others. */
const SIGN_IN = {
  type: 'object',
  required: ['name', 'password', 'token'],
  additionalProperties: false,
  properties: {
    name: { type: 'string', minLength: 1, maxLength: 256 },
    password: { type: 'string', minLength: 1, maxLength: 256 },
    token,
  },
} as const;

const SIGN_OUT = { type: 'object', required: ['token'], additionalProperties: false, properties: { token } } as const;

type SignInForm = { readonly name: string; readonly password: string; readonly token: string };

/** @param addressOf the client's, which with a proxy in front is not that of the socket */
export async function preparePortal(
  options: PortalOptions,
  addressOf: (socket: Duplex) => string | undefined,
): Promise<Portal> {
  const { path } = options;
  const app = fastify({
    logger: false,
    bodyLimit: MOST_BODY_BYTES,
    routerOptions: { maxParamLength: 64, ignoreTrailingSlash: true },
    ajv: { customOptions: { coerceTypes: false, removeAdditional: false } },
    // A target that cannot be decoded, before any hook.
    frameworkErrors: (_error, _request, reply) =>
      void failed(reply as FastifyReply, path, 400, 'That address can not be read.'),
  });
  await app.register(cookiePlugin);
  readForms(app);
  addErrors(app, path);
  addRoutes(app, options, addressOf);
  await app.ready();
  return {
    owns: (target) => target === path || target.startsWith(`${path}/`) || target.startsWith(`${path}?`),
    handle: (request, response) => app.routing(request, response),
    close: () => app.close(),
  };
}

function addRoutes(
  app: FastifyInstance,
  options: PortalOptions,
  addressOf: (socket: Duplex) => string | undefined,
): void {
  const { path, ask, key, now } = options;
  const cookies = new PortalCookies(key, now);
  const visits = new Visits(cookies, path);
  app.addHook('onRequest', async (request, reply) => {
    reply.headers(PORTAL_HEADERS);
    // A body is not waited for: it may be endless, so the connection goes with the answer.
    if (request.method !== 'POST' && hasBody(request.headers)) reply.header('connection', 'close');
  });

  app.get(path, async (request, reply) => {
    const answer = await lookAt(visits.session(request), ask);
    if (answer?.kind === 'fault') return unavailable(reply, path);
    const token = visits.token(request, reply);
    if (answer?.kind !== 'welcome') return page(reply, signInPage({ base: path, token, name: '', error: undefined }));
    return page(reply, homePage({ base: path, token, user: answer.user, facts: answer.facts }));
  });

  app.get<{ Params: { name: string } }>(`${path}/files/:name`, async (request, reply) => {
    const answer = await lookAt(visits.session(request), ask);
    if (answer?.kind === 'fault') return unavailable(reply, path);
    if (answer?.kind !== 'welcome') return reply.redirect(path, 303);
    const file = answer.facts && fileNamed(request.params.name, answer.facts);
    if (file === undefined) return failed(reply, path, 404, 'There is no such file.');
    return reply
      .header('content-disposition', `attachment; filename="${file.name}"`)
      .type(file.mediaType)
      .send(file.text);
  });

  // Where a browser is after a form that was refused, and goes again.
  for (const form of ['sign-in', 'sign-out'])
    app.get(`${path}/${form}`, (_request, reply) => reply.redirect(path, 303));

  app.post<{ Body: SignInForm }>(`${path}/sign-in`, { schema: { body: SIGN_IN } }, async (request, reply) => {
    const { name, password, token } = request.body;
    if (!visits.isOwnForm(request, token)) return stale(reply, path);
    const address = addressOf(request.raw.socket) ?? '';
    const browser = request.cookies[BROWSER_COOKIE];
    // Not request.signal: the request is over as soon as its body was read.
    const gone = new AbortController();
    reply.raw.once('close', () => gone.abort());
    const answer = await ask({ kind: 'sign-in', address, name, password, browser }, gone.signal);
    if (answer.kind === 'welcome') {
      visits.begin(reply, answer.session ?? '', answer.browser);
      return reply.redirect(path, 303);
    }
    const [status, error] = refusal(answer);
    // Nobody looked at the password: that it is wrong is not said.
    if (answer.kind === 'later') reply.header('retry-after', answer.seconds);
    reply.code(status);
    return page(reply, signInPage({ base: path, token: visits.token(request, reply), name, error }));
  });

  app.post<{ Body: { readonly token: string } }>(
    `${path}/sign-out`,
    { schema: { body: SIGN_OUT } },
    async (request, reply) => {
      if (!visits.isOwnForm(request, request.body.token)) return stale(reply, path);
      const session = visits.session(request);
      // Also if nobody can be told now: this browser at least forgets it.
      visits.end(reply);
      if (session !== undefined) await ask({ kind: 'sign-out', session });
      return reply.redirect(path, 303);
    },
  );
}

/** The cookies of one browser, as they come and go. */
class Visits {
  readonly #cookies: PortalCookies;
  readonly #attributes: {
    readonly path: string;
    readonly secure: true;
    readonly httpOnly: true;
    readonly sameSite: 'strict';
  };

  constructor(cookies: PortalCookies, path: string) {
    this.#cookies = cookies;
    this.#attributes = { path, secure: true, httpOnly: true, sameSite: 'strict' };
  }

  session(request: FastifyRequest): string | undefined {
    return this.#cookies.sessionOf(request.cookies[SESSION_COOKIE]);
  }

  /** For a form in the answer. Gives the browser what it belongs to, if it has not got that. */
  token(request: FastifyRequest, reply: FastifyReply): string {
    const { [FORM_COOKIE]: known, [SESSION_COOKIE]: session } = request.cookies;
    if (this.#cookies.isFormSeed(known)) return this.#cookies.formToken(known, session);
    const seed = this.#cookies.newFormSeed();
    reply.setCookie(FORM_COOKIE, seed, this.#attributes);
    return this.#cookies.formToken(seed, session);
  }

  isOwnForm(request: FastifyRequest, token: string): boolean {
    const { [FORM_COOKIE]: seed, [SESSION_COOKIE]: session } = request.cookies;
    return this.#cookies.isFormSeed(seed) && this.#cookies.isFormToken(token, seed, session);
  }

  /** @param browser what the browser is to keep for its next sign-in, also after a sign-out */
  begin(reply: FastifyReply, session: string, browser: string | undefined): void {
    const cookie = this.#cookies.session(session);
    reply.setCookie(SESSION_COOKIE, cookie, { ...this.#attributes, maxAge: SIGNED_IN_MS / 1_000 });
    if (browser === undefined) return;
    reply.setCookie(BROWSER_COOKIE, browser, { ...this.#attributes, maxAge: BROWSER_MS / 1_000 });
  }

  end(reply: FastifyReply): void {
    reply.clearCookie(SESSION_COOKIE, this.#attributes);
  }
}

/** What a path takes that is there for other methods. */
function allowed(path: string, target: string): string | undefined {
  switch (target.split('?', 1)[0]) {
    case path:
      return 'GET, HEAD';
    case `${path}/sign-in`:
    case `${path}/sign-out`:
      return 'GET, HEAD, POST';
    default:
      return undefined;
  }
}

async function lookAt(session: string | undefined, ask: AskPortal): Promise<PortalAnswer | undefined> {
  return session === undefined ? undefined : ask({ kind: 'look', session });
}

function refusal(answer: Exclude<PortalAnswer, { kind: 'welcome' }>): readonly [status: number, error: string] {
  switch (answer.kind) {
    case 'refused':
      return answer.isDisabled
        ? [403, 'This account is disabled. Ask your administrator.']
        : [401, 'The name or the password is wrong.'];
    case 'later':
      return [
        429,
        `Too many attempts have failed, from here or for this name, and yours had no turn yet. Try again in ${answer.seconds} seconds: your place is kept.`,
      ];
    case 'fault':
      return [503, 'Signing in does not work at the moment. Try again later.'];
    default:
      return answer satisfies never;
  }
}

/** Each field once; what a browser would not send is refused by the schema. */
function readForms(app: FastifyInstance): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser(FORM, { parseAs: 'string' }, (_request, body, done) => {
    const fields = [...new URLSearchParams(String(body))];
    const names = new Set(fields.map(([name]) => name));
    if (names.size < fields.length) {
      done(Object.assign(new Error('a field stands twice in the form'), { statusCode: 400 }), undefined);
      return;
    }
    done(null, Object.fromEntries(fields));
  });
}

function addErrors(app: FastifyInstance, path: string): void {
  app.setNotFoundHandler((request, reply) => {
    if (hasBody(request.headers)) reply.header('connection', 'close');
    const allow = allowed(path, request.url);
    if (allow === undefined) return failed(reply, path, 404, 'There is nothing here.');
    return failed(reply.header('allow', allow), path, 405, 'That can not be done here.');
  });
  app.setErrorHandler((error: FastifyError, _request, reply) => {
    const status =
      error.statusCode !== undefined && error.statusCode >= 400 && error.statusCode < 500 ? error.statusCode : 500;
    if (status === 413 || status === 415) reply.header('connection', 'close');
    const text =
      status === 500 ? 'Something went wrong on the server.' : `The form was not accepted: ${error.message}.`;
    return failed(reply, path, status, text);
  });
}

function stale(reply: FastifyReply, path: string): FastifyReply {
  return failed(
    reply,
    path,
    403,
    'This form is out of date, or your browser does not keep cookies. Open the page again.',
  );
}

function unavailable(reply: FastifyReply, path: string): FastifyReply {
  return failed(reply, path, 503, 'This does not work at the moment. Try again later.');
}

function failed(reply: FastifyReply, path: string, status: number, text: string): FastifyReply {
  const title = status < 500 ? 'That did not work' : 'Not available';
  return page(reply.code(status).headers(PORTAL_HEADERS), messagePage(path, title, text));
}

function page(reply: FastifyReply, text: string): FastifyReply {
  return reply.type('text/html; charset=utf-8').send(text);
}
