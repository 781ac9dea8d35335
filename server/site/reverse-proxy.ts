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
import { Socket } from 'node:net';
import { type Duplex, pipeline } from 'node:stream';
import { type ConnectionOptions, createSecureContext, connect as tlsConnect } from 'node:tls';
import { ADMIN_BROWSER_COOKIE, ADMIN_COOKIE, authorityOf } from '../../core/index.ts';
import { isClientsOwn, withoutConnection } from './forwarded-headers.ts';
import { answer, hasBody } from './plain-answer.ts';
import { BROWSER_COOKIE, FORM_COOKIE, SESSION_COOKIE } from './portal/cookies.ts';
import { BodyWatch, type FirstOfBody, gatherBody, RATE_WINDOW_MS } from './request-body.ts';
import { SlowAnswers } from './slow-answers.ts';
import { sourceKey, UpstreamPlaces } from './upstream-places.ts';

/** Silence of the other server. */
const SILENCE_MS = 30_000;
/** Requests that are under way to the other server at a time; the others wait in turn, one of each address. */
const MOST_REQUESTS = 64;
const PLACES = { most: MOST_REQUESTS, mostPerSource: 8, mostWaiting: 1_024, mostWaitingPerSource: 128 } as const;
/** Of these, with bodies that are passed on as they come: an upload may take long, and must not take all. */
const UPLOADS = { most: 32, mostPerSource: 4, mostWaiting: 256, mostWaitingPerSource: 32 } as const;
/** And with answers that visitors are slow to take. */
const SLOW = { most: 32, mostPerSource: 4 } as const;

/** A browser sends the cookies of a host to each of its ports: with the admin page's, the other server could log in there. */
const OUR_COOKIES: ReadonlySet<string> = new Set([
  ADMIN_COOKIE,
  ADMIN_BROWSER_COOKIE,
  SESSION_COOKIE,
  BROWSER_COOKIE,
  FORM_COOKIE,
]);

/**
 * Hands each request on to another web server, and its answer back. A body of up to 64 KiB is read before the other server
 * is asked, so that who sends slowly takes no place there; a larger one has to keep a least rate. Who is slow to take the
 * answer makes room where there are many. The other server learns
 * the client in X-Forwarded-For, -Proto and -Host; nothing that the client says in place of a proxy reaches it.
 *
 * @param upstream scheme, host and port @param addressOf the client's address @param failed told why a visitor gets no answer
 */
export function proxyListener(
  upstream: URL,
  addressOf: (socket: Duplex) => string | undefined,
  dial?: () => Promise<Socket>,
  rateWindowMs: number = RATE_WINDOW_MS,
  failed: (code: string) => void = () => {},
): RequestListener {
  const [places, uploads] = [new UpstreamPlaces(PLACES), new UpstreamPlaces(UPLOADS)];
  const slow = new SlowAnswers({ ...SLOW, windowMs: rateWindowMs });
  const isTls = upstream.protocol === 'https:';
  const options = { keepAlive: true, maxSockets: MOST_REQUESTS, maxFreeSockets: 8, timeout: SILENCE_MS };
  // The authorities that are trusted are read now: a worker in its cage opens no file later on.
  const agent = isTls ? new TlsAgent({ ...options, secureContext: createSecureContext() }) : new Agent(options);
  if (dial !== undefined) agent.createConnection = connectionBy(dial, isTls);
  const request = isTls ? httpsRequest : httpRequest;
  return (incoming, response) => {
    const path = originForm(incoming.url ?? '');
    const authority = authorityOf(incoming);
    if (path === undefined || authority === undefined) {
      answer(response, 400);
      return;
    }
    const fault = codingFault(incoming);
    if (fault !== undefined) {
      new Visit(incoming, response, '').end(fault);
      return;
    }
    const address = addressOf(incoming.socket);
    const headers = requestHeaders(incoming.headers, { upstream, authority, address });
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
    const source = sourceKey(address);
    const visit = new Visit(incoming, response, source);
    const pass = (body?: Body): void => {
      const answered = (from: IncomingMessage): void => slow.watch(source, from, response, () => response.destroy());
      forward(request(target), { incoming, response, body, failed, answered });
    };
    if (!hasBody(incoming.headers)) {
      visit.enter(places, () => pass());
      return;
    }
    const watch = new BodyWatch(incoming, () => visit.end(408), rateWindowMs);
    visit.atEnd(() => watch.stop());
    gatherBody(incoming, (first) => {
      if (first.isWhole) {
        visit.enter(places, () => pass({ first, watch }));
        return;
      }
      watch.waits();
      visit.enter(uploads, () => visit.enter(places, () => pass({ first, watch })));
    });
  };
}

/** The same as Node's own, but for where the TCP connection comes from. */
function connectionBy(dial: () => Promise<Socket>, isTls: boolean): Agent['createConnection'] {
  return (options, callback) => {
    dial().then(
      (socket) => callback?.(null, isTls ? tlsConnect({ ...(options as ConnectionOptions), socket }) : socket),
      (error: Error) => callback?.(error, new Socket()),
    );
    return undefined;
  };
}

/** One request and the places that it has, or waits for. */
class Visit {
  readonly #incoming: IncomingMessage;
  readonly #response: ServerResponse;
  readonly #source: string;
  readonly #atEnd: (() => void)[] = [];

  constructor(incoming: IncomingMessage, response: ServerResponse, source: string) {
    this.#incoming = incoming;
    this.#response = response;
    this.#source = source;
    response.once('close', () => {
      for (const leave of this.#atEnd) leave();
    });
  }

  /** When the answer is over, whoever ended it. */
  atEnd(leave: () => void): void {
    this.#atEnd.push(leave);
  }

  /** The place is given back when the answer is over. */
  enter(places: UpstreamPlaces, go: () => void): void {
    if (this.#response.destroyed) return;
    const leave = places.enter(this.#source, go);
    if (leave === undefined) this.end(503);
    else this.atEnd(leave);
  }

  /** The connection goes with the answer, as the rest of the body would be taken for a request. */
  end(status: number): void {
    if (this.#response.headersSent) this.#response.destroy();
    else answer(this.#response, status, { connection: 'close' });
    this.#incoming.socket.destroySoon();
  }
}

interface Body {
  readonly first: FirstOfBody;
  readonly watch: BodyWatch;
}

interface Forwarding {
  readonly incoming: IncomingMessage;
  readonly response: ServerResponse;
  /** Undefined: it has none. */
  readonly body: Body | undefined;
  failed(code: string): void;
  /** The answer begins. */
  answered(from: IncomingMessage): void;
}

function forward(outgoing: ReturnType<typeof httpRequest>, forwarding: Forwarding): void {
  const { incoming, response, body, failed, answered } = forwarding;
  let isLate = false;
  outgoing.setTimeout(SILENCE_MS, () => {
    isLate = true;
    outgoing.destroy();
  });
  outgoing.on('response', (from) => {
    response.writeHead(from.statusCode ?? 502, answerHeaders(from.headers));
    answered(from);
    pipeline(from, response, () => {}); // whichever side leaves ends the other
  });
  outgoing.on('error', ({ code }: NodeJS.ErrnoException) => {
    if (code === 'ETIMEDOUT') isLate = true;
    if (response.destroyed) return;
    failed(isLate ? 'ETIMEDOUT' : (code ?? 'EIO'));
    if (response.headersSent) response.destroy();
    else answer(response, isLate ? 504 : 502, { connection: 'close' });
  });
  response.once('close', () => outgoing.destroy());
  if (body === undefined) {
    outgoing.end();
    return;
  }
  const { first, watch } = body;
  if (first.isWhole) {
    outgoing.end(first.bytes);
    return;
  }
  watch.passesOn(outgoing);
  outgoing.write(first.bytes);
  pipeline(incoming, outgoing, () => {});
}

/**
 * RFC 9112 6.1: HTTP/1.0 has no transfer codings, so where such a body ends is read in two ways; and Node takes `chunked`
 * away, but no coding below it, which the other server would take for the content.
 *
 * @returns the status of the refusal
 */
function codingFault({ headers, httpVersion }: IncomingMessage): 400 | 501 | undefined {
  const coding = headers['transfer-encoding'];
  if (coding === undefined) return undefined;
  const codings = coding.toLowerCase().split(/[\s,]+/);
  if (httpVersion !== '1.1' || codings.at(-1) !== 'chunked') return 400;
  return codings.length === 1 ? undefined : 501;
}

/** RFC 9112 3.2: what the other server, which is no proxy, is to be asked for. A fragment is no part of any target. */
function originForm(target: string): string | undefined {
  if (target.includes('#')) return undefined;
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
