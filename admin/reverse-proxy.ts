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
import { answer, hasBody } from './plain-answer.ts';
import { BROWSER_COOKIE, FORM_COOKIE, SESSION_COOKIE } from './portal/cookies.ts';

/** Silence of the other server, or of the client in the middle of a body. */
const SILENCE_MS = 30_000;
/** Requests that are under way to the other server at a time; the others wait in turn. */
const MOST_REQUESTS = 64;

/** RFC 9110 7.6.1: of this connection, not of the message. `expect` has been answered by then. */
const OF_THE_CONNECTION: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'proxy-authenticate',
  'proxy-authorization',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'expect',
]);

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
 * the client in X-Forwarded-For, -Proto and -Host, whatever the client claims there.
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
    if (path === undefined) {
      answer(response, 400);
      return;
    }
    const headers = requestHeaders(incoming, upstream, addressOf(incoming.socket));
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

function requestHeaders(incoming: IncomingMessage, upstream: URL, address: string | undefined): OutgoingHttpHeaders {
  const { headers } = incoming;
  return {
    ...withoutOurCookies(withoutConnection(headers)),
    host: upstream.host,
    ...framingOf(headers),
    ...(address === undefined ? {} : { 'x-forwarded-for': address }),
    'x-forwarded-proto': 'https',
    'x-forwarded-host': headers.host ?? '',
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
    .filter((pair) => pair !== '' && !OUR_COOKIES.has(pair.split('=', 1)[0]?.trim() ?? ''));
  return theirs.length === 0 ? others : { ...others, cookie: theirs.join('; ') };
}

function answerHeaders(headers: IncomingHttpHeaders): OutgoingHttpHeaders {
  return withoutConnection(headers);
}

function withoutConnection(headers: IncomingHttpHeaders): OutgoingHttpHeaders {
  const named = (headers.connection ?? '').toLowerCase().split(/[\s,]+/);
  return Object.fromEntries(
    Object.entries(headers).filter(
      ([name]) => !OF_THE_CONNECTION.has(name) && !name.startsWith('x-forwarded-') && !named.includes(name),
    ),
  );
}
