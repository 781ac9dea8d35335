import { createHash } from 'node:crypto';
import { type IncomingMessage, type RequestListener, type Server, STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import fastify, { type FastifyInstance, type FastifyReply } from 'fastify';
import { authorityOf, hostOf } from '../../core/index.ts';
import { type Dial, type Fallback, fallbackServer } from './fallback.ts';
import { answer, hasBody } from './plain-answer.ts';
import { type Portal, type PortalOptions, preparePortal } from './portal/portal.ts';

/** Answers web requests on sockets that the VPN listener has accepted. */
export interface WebPage {
  /**
   * Takes a connection over, TLS done.
   *
   * @param bytes what has been read from it already; may be empty
   * @param address the client's
   */
  handle(socket: Duplex, bytes: Buffer, address?: string): void;
  /** Ends all connections. */
  close(): Promise<void>;
}

export interface WebPageOptions {
  /** The page by default. */
  readonly fallback?: Fallback;
  /** Connects to the other server of a fallback that is one; this process does it itself unless said. */
  readonly dial?: Dial | undefined;
  /** Told by which error (`code`) a visitor gets no answer of that server. */
  readonly upstreamFailed?: ((code: string) => void) | undefined;
  /** Has its path whatever the fallback is; with a host, on that alone, which has nothing else then. */
  readonly portal?: (PortalOptions & { readonly host?: string | undefined }) | undefined;
  /**
   * Whether browsers are to come by TLS alone from now on (RFC 6797), by the name that they come by. Asked only where all
   * that is on the host is ours: it binds each port of it. Never by default.
   */
  readonly insistsOnTls?: ((host: string) => boolean) | undefined;
  /** A connection without a request is ended after this time; with the page one with requests too: it is short. */
  readonly lifetimeMs?: number;
  /** The same for one that has asked for files, or another server. */
  readonly useMs?: number;
  /** Time for the body of a request to the portal. */
  readonly formMs?: number;
  readonly requestsPerSocket?: number;
}

const STYLE =
  'body{font:1rem/1.5 system-ui,sans-serif;max-width:32rem;margin:20vh auto;padding:0 1rem;color-scheme:light dark}';
const HTML = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>It works</title>
<style>${STYLE}</style>
</head>
<body>
<h1>It works</h1>
<p>This server is up. There is nothing else to see here.</p>
</body>
</html>
`;

const SECURITY_HEADERS: Readonly<Record<string, string>> = {
  'content-security-policy': `default-src 'none'; style-src 'sha256-${createHash('sha256').update(STYLE).digest('base64')}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'x-robots-tag': 'noindex',
};

/** Half a year, of this host alone: what is below its name is not ours to speak for. */
const HSTS = 'max-age=15768000';
const ALLOW = 'GET, HEAD';
/** What a request to the portal may take: the longest wait that failed logins cost, and the answer on a slow line. */
const PORTAL_MS = 60_000;
const PLAIN_TEXT = 'text/plain; charset=utf-8';

export async function startWebPage(options: WebPageOptions = {}): Promise<WebPage> {
  const { fallback = { kind: 'page' }, lifetimeMs = 30_000, useMs = 600_000, requestsPerSocket = 100 } = options;
  const { formMs = 10_000 } = options;
  const addresses = new WeakMap<Duplex, string>();
  const { server, close } = await serverFor(options, addresses, requestsPerSocket);
  server.on('connect', refuseConnect);
  const lifetimes = new Map<Duplex, NodeJS.Timeout>();
  const endIn = (socket: Duplex, ms: number): void => {
    if (socket.destroyed) return;
    clearTimeout(lifetimes.get(socket));
    lifetimes.set(
      socket,
      setTimeout(() => socket.destroy(), ms),
    );
  };
  if (fallback.kind === 'directory' || fallback.kind === 'proxy') {
    server.prependListener('request', ({ socket }: IncomingMessage) => endIn(socket, useMs));
  }
  const portal = options.portal && (await preparePortal(options.portal, (socket) => addresses.get(socket)));
  const onPortalRequest = (request: IncomingMessage): void => {
    endIn(request.socket, hasBody(request.headers) ? formMs : PORTAL_MS);
    request.once('end', () => endIn(request.socket, PORTAL_MS));
  };
  putInFront(server, {
    front: portal && { portal, host: options.portal?.host, onRequest: onPortalRequest },
    hasSite: fallback.kind === 'directory' || fallback.kind === 'proxy',
    insistsOnTls: options.insistsOnTls ?? (() => false),
  });
  return {
    handle(socket, bytes, address) {
      if (socket.destroyed) return;
      if (address !== undefined) addresses.set(socket, address);
      // http.Server watches its own timeouts only once it listens itself, which this one never does.
      endIn(socket, lifetimeMs);
      socket.once('close', () => {
        clearTimeout(lifetimes.get(socket));
        lifetimes.delete(socket);
      });
      if (bytes.length > 0) socket.unshift(bytes);
      server.emit('connection', socket);
      // A socket that was paused stays so otherwise, and what was unshifted is never read.
      socket.resume();
    },
    async close() {
      for (const socket of [...lifetimes.keys()]) socket.destroy();
      await portal?.close();
      await close();
    },
  };
}

interface PortalInFront {
  readonly portal: Portal;
  /** Undefined: whatever the host. */
  readonly host: string | undefined;
  onRequest(request: IncomingMessage): void;
}

interface InFront {
  readonly front: PortalInFront | undefined;
  /** Whether others than us have something there. */
  readonly hasSite: boolean;
  insistsOnTls(host: string): boolean;
}

/** Requests that are for one host go to the portal, or where they went. The others get 400 (RFC 9112 3.2). */
function putInFront(server: Server, { front, hasSite, insistsOnTls }: InFront): void {
  const others = server.listeners('request') as RequestListener[];
  server.removeAllListeners('request');
  server.on('request', (request, response) => {
    const authority = authorityOf(request);
    if (authority === undefined) {
      answer(response, 400, { connection: 'close' });
      return;
    }
    const host = hostOf(authority);
    const isPortalsHost = front?.host !== undefined && host === front.host;
    const isOursAlone = isPortalsHost || !hasSite;
    if (isOursAlone && host !== undefined && insistsOnTls(host)) response.setHeader('strict-transport-security', HSTS);
    if (front?.portal.owns(request.url ?? '') === true && (front.host === undefined || isPortalsHost)) {
      front.onRequest(request);
      front.portal.handle(request, response);
    } else if (isPortalsHost) {
      // A page of another program there would be of the portal's origin.
      answer(response, 404, hasBody(request.headers) ? { connection: 'close' } : {});
    } else {
      for (const listener of others) listener(request, response);
    }
  });
}

async function serverFor(
  { fallback = { kind: 'page' }, dial, upstreamFailed }: WebPageOptions,
  addresses: WeakMap<Duplex, string>,
  requestsPerSocket: number,
): Promise<{ readonly server: Server; close(): Promise<void> }> {
  if (fallback.kind === 'page') {
    const app = await pageServer(requestsPerSocket);
    return { server: app.server, close: () => app.close() };
  }
  const server = fallbackServer(fallback, (socket) => addresses.get(socket), dial, upstreamFailed);
  server.maxRequestsPerSocket = requestsPerSocket;
  server.on('clientError', answerBadBytes);
  // It never listens, so there is nothing to be closed but connections.
  return { server, close: async () => {} };
}

async function pageServer(requestsPerSocket: number): Promise<FastifyInstance> {
  const app = fastify({
    logger: false,
    bodyLimit: 1024,
    keepAliveTimeout: 5000,
    requestTimeout: 10_000,
    maxRequestsPerSocket: requestsPerSocket,
    http: { maxHeaderSize: 8192, headersTimeout: 10_000 },
    clientErrorHandler: answerBadBytes,
    // A target that cannot be decoded, before any hook.
    frameworkErrors: (_error, _request, reply) => {
      void (reply as FastifyReply).code(400).headers(SECURITY_HEADERS).type(PLAIN_TEXT).send('Bad Request\n');
    },
  });
  addPage(app);
  await app.ready();
  return app;
}

function addPage(app: FastifyInstance): void {
  app.addHook('onRequest', async (request, reply) => {
    reply.headers(SECURITY_HEADERS);
    if (request.method === 'GET' || request.method === 'HEAD') return;
    // Before any body is read: it may be endless, so the connection goes with the answer.
    const isPage = request.routeOptions.url === '/' || request.url.split('?', 1)[0] === '/' || request.url === '*';
    reply.header('connection', 'close').type(PLAIN_TEXT);
    if (!isPage) return reply.code(404).send('Not Found\n');
    return reply.code(405).header('allow', ALLOW).send('Method Not Allowed\n');
  });
  app.get('/', (_request, reply) => reply.type('text/html; charset=utf-8').send(HTML));
  app.setNotFoundHandler((_request, reply) => reply.code(404).type(PLAIN_TEXT).send('Not Found\n'));
  app.setErrorHandler((_error, _request, reply) => reply.code(500).type(PLAIN_TEXT).send('Internal Server Error\n'));
}

/** What Node's HTTP parser reports; `rawPacket` is a Buffer whatever Fastify's types say. */
interface BadBytes {
  readonly code?: string | undefined;
  readonly rawPacket?: unknown;
}

/** RFC 9110 9.3.6: a server that is no proxy refuses CONNECT. Node would drop the connection without a word. */
function refuseConnect(_request: IncomingMessage, socket: Duplex): void {
  end(socket, 405, `Allow: ${ALLOW}\r\n`);
}

/** RFC 9112 2.2 and 3: what cannot be read as a request gets its status, and the connection ends. */
function answerBadBytes(error: BadBytes, socket: Duplex): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  end(socket, statusOf(error), '');
}

function statusOf(error: BadBytes): number {
  switch (error.code) {
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return 408;
    case 'HPE_HEADER_OVERFLOW':
      return 431;
    case 'HPE_INVALID_METHOD':
      return isWellFormedRequestLine(error.rawPacket) ? 501 : 400;
    default:
      return 400;
  }
}

/** Node's parser knows a fixed list of methods; one that is only unknown is 501, not 400 (RFC 9110 9.1). */
function isWellFormedRequestLine(bytes: unknown): boolean {
  const start = Buffer.isBuffer(bytes) ? bytes.toString('latin1', 0, 256) : '';
  return /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64} [!-~]{1,180} HTTP\/1\.[01]\r?\n/.test(start);
}

function end(socket: Duplex, status: number, headers: string): void {
  const body = `${STATUS_CODES[status]}\n`;
  socket.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nDate: ${new Date().toUTCString()}\r\n${headers}` +
      `Content-Type: ${PLAIN_TEXT}\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`,
  );
}
