import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { isForUs, type Log } from '../core/index.ts';

/** Version 0.0.4 of the text format of Prometheus. */
export const METRICS_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

/** Several Prometheus servers, each with a connection that it keeps. */
const MOST_CONNECTIONS = 32;
const MOST_HEADER_BYTES = 8_192;
/** From the first byte of a request to its end. */
const REQUEST_MS = 5_000;
/** Longer than the usual time between two scrapes would keep a place for nothing. */
const IDLE_MS = 65_000;

/** RFC 9110 15.5.20. */
const OTHER_HOST = 'this server has no such name: ask for its address, or add the name to metrics.hosts\n';

export interface MetricsListener {
  readonly port: number;
  close(): Promise<void>;
}

/**
 * Serves GET and HEAD of /metrics over plain HTTP, and nothing else, to whoever can reach the place and names it by an
 * address or a name of ours: a page in a browser nearby can't read along.
 *
 * @param options.isOwnName of a DNS name in lower case
 * @throws {Error} with `code` if the address or port can't be had
 */
export async function listenForMetrics(options: {
  readonly host: string;
  readonly port: number;
  readonly metrics: () => Promise<string>;
  readonly isOwnName: (name: string) => boolean;
  readonly log: Log;
}): Promise<MetricsListener> {
  const { host, port, log } = options;
  const server = createServer(
    {
      maxHeaderSize: MOST_HEADER_BYTES,
      headersTimeout: REQUEST_MS,
      requestTimeout: REQUEST_MS,
      keepAliveTimeout: IDLE_MS,
      connectionsCheckingInterval: 1_000,
    },
    (request, response) => {
      answer(request, response, options).catch((error: unknown) => {
        log.error('metrics.failed', { error: error instanceof Error ? error.stack : String(error) });
        end(response, 500, 'internal error, see the log\n');
      });
    },
  );
  server.maxConnections = MOST_CONNECTIONS;
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    // Somebody who does not read the answer, or sends nothing, gives the place back.
    socket.setTimeout(IDLE_MS, () => socket.destroy());
  });
  server.listen({ port, host, exclusive: true });
  await once(server, 'listening');
  const address = server.address();
  return {
    port: typeof address === 'object' && address !== null ? address.port : port,
    async close() {
      const closed = once(server, 'close');
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  { metrics, isOwnName }: { metrics(): Promise<string>; isOwnName(name: string): boolean },
): Promise<void> {
  const { method, url = '' } = request;
  request.resume(); // what a request brings is of no interest
  if (!isForUs(request, isOwnName)) end(response, 421, OTHER_HOST);
  else if (url !== '/metrics' && !url.startsWith('/metrics?')) end(response, 404, 'there is only /metrics\n');
  else if (method !== 'GET' && method !== 'HEAD') end(response, 405, 'only GET and HEAD\n', { allow: 'GET, HEAD' });
  else end(response, 200, await metrics(), { 'content-type': METRICS_TYPE });
}

function end(response: ServerResponse, status: number, text: string, headers: Record<string, string> = {}): void {
  if (response.headersSent) return;
  const length = Buffer.byteLength(text);
  response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8', ...headers, 'content-length': length });
  response.end(response.req.method === 'HEAD' ? undefined : text);
}
