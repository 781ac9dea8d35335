import {
  Agent,
  request as httpRequest,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type OutgoingHttpHeaders,
  type RequestListener,
  type ServerResponse,
} from 'node:http';
import { request as httpsRequest, Agent as TlsAgent } from 'node:https';
import { type Duplex, pipeline } from 'node:stream';
import { BROWSER_COOKIE as ADMIN_BROWSER_COOKIE, COOKIE } from './asker.ts';
import { isClientsOwn, withoutConnection } from './forwarded-headers.ts';
import { authorityOf } from './host-header.ts';
import { answer, hasBody } from './plain-answer.ts';
import { BROWSER_COOKIE, FORM_COOKIE, SESSION_COOKIE } from './portal/cookies.ts';

/** Silence of the other server, or of the client in the middle of a body. */
const SILENCE_MS = 30_000;
/** Requests that are under way to the other server at a time; the others wait in turn. */
const MOST_REQUESTS = 64;

/** A browser sends the cookies of a host to each of its ports: with the admin page's, the other server could log in there. */
const OUR_COOKIES: ReadonlySet<string> = new Set([
  COOKIE,
  ADMIN_BROWSER_COOKIE,
  SESSION_COOKIE,
  BROWSER_COOKIE,
  FORM_COOKIE,
]);

/**
 * Hands each request on to another web server, and its answer back; bodies pass as they come. The other server learns
 * the client in X-Forwarded-For, -Proto and -Host; nothing that the client says in place of a proxy reaches it.
 *
 * @param upstream scheme, host and port @param addressOf the client's address
 */
export function proxyListener(upstream: URL, addressOf: (socket: Duplex) => string | undefined): RequestListener {
  const isTls = upstream.protocol === 'https:';
  const options = { keepAlive: true, maxSockets: MOST_REQUESTS, maxFreeSockets: 8, timeout: SILENCE_MS };
  const agent = isTls ? new TlsAgent(options) : new Agent(options);
  const request = isTls ? httpsRequest : httpRequest;
  return (incoming, response) => {
    const path = originForm(incoming.url ?? '');
    const authority = authorityOf(incoming);
    if (path === undefined || authority === undefined) {
      answer(response, 400);
      return;
    }
    const headers = requestHeaders(incoming.headers, {
      ...{ upstream, authority, address: addressOf(incoming.socket) },
    });
    const method = incoming.method ?? 'GET';
    const { hostname, port } = upstream;
    const target = {
      hostname: hostname.replace(/^\[(.*)\]$/, '$1'),
      port: port || undefined,
      method,
      path,
      headers,
      agent,
    };
    forward(request(target), incoming, response);
  };
}

function forward(outgoing: ReturnType<typeof httpRequest>, incoming: IncomingMessage, response: ServerResponse): void {
  let isLate = false;
  outgoing.setTimeout(SILENCE_MS, () => {
    isLate = true;
    outgoing.destroy();
  });
  outgoing.on('response', (from) => {
    response.writeHead(from.statusCode ?? 502, answerHeaders(from.headers));
    pipeline(from, response, () => {}); // whichever side leaves ends the other
  });
  outgoing.on('error', () => {
    if (response.destroyed) return;
    if (response.headersSent) response.destroy();
    else answer(response, isLate ? 504 : 502, { connection: 'close' });
  });
  response.once('close', () => outgoing.destroy());
  if (hasBody(incoming.headers)) pipeline(incoming, outgoing, () => {});
  else outgoing.end();
}

/** RFC 9112 3.2: what the other server, which is no proxy, is to be asked for. */
function originForm(target: string): string | undefined {
  const path = target.replace(/^https?:\/\/[^/?#]*/i, '');
  if (target === '*' || path.startsWith('/')) return path;
  return path === '' || path.startsWith('?') ? `/${path}` : undefined;
}

function requestHeaders(
  headers: IncomingHttpHeaders,
  about: { readonly upstream: URL; readonly authority: string; readonly address: string | undefined },
): OutgoingHttpHeaders {
  const { upstream, authority, address } = about;
  const theirs = withoutConnection(headers, headers.connection).filter(([name]) => isClientsOwn(name));
  return {
    ...withoutOurCookies(Object.fromEntries(theirs)),
    host: upstream.host,
    ...framingOf(headers),
    ...(address === undefined ? {} : { 'x-forwarded-for': address }),
    'x-forwarded-proto': 'https',
    ...(authority === '' ? {} : { 'x-forwarded-host': authority }),
  };
}

/**
 * A body keeps its length, or that this is unknown, also if Connection names it: without either, Node would send the
 * bytes bare with some methods, and the other server would take them for a request of its own.
 */
function framingOf(headers: IncomingHttpHeaders): OutgoingHttpHeaders {
  const { 'content-length': length, 'transfer-encoding': coding } = headers;
  if (coding !== undefined) return { 'transfer-encoding': 'chunked' };
  return length === undefined ? {} : { 'content-length': length };
}

function withoutOurCookies({ cookie, ...others }: OutgoingHttpHeaders): OutgoingHttpHeaders {
  const theirs = String(cookie ?? '')
    .split(/; */)
    .filter((pair) => pair !== '' && !isOurCookie(pair));
  return theirs.length === 0 ? others : { ...others, cookie: theirs.join('; ') };
}

/** The other server sets no cookie of ours, by which somebody would be signed in to the portal as another. */
function answerHeaders({ 'set-cookie': cookies, ...headers }: IncomingHttpHeaders): OutgoingHttpHeaders {
  const theirs = cookies?.filter((cookie) => !isOurCookie(cookie)) ?? [];
  const others = Object.fromEntries(withoutConnection(headers, headers.connection));
  return theirs.length === 0 ? others : { ...others, 'set-cookie': theirs };
}

/** @param pair NAME=VALUE, and what may follow in a Set-Cookie */
function isOurCookie(pair: string): boolean {
  return OUR_COOKIES.has(pair.split('=', 1)[0]?.trim() ?? '');
}
