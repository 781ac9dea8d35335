import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { listenError } from '../../tls/index.ts';

const PORT = 80;
const PREFIX = '/.well-known/acme-challenge/';
/** An authority looks from a handful of places. */
const MOST_CONNECTIONS = 64;
const REQUEST_MS = 10_000;

/** Answers http-01 on port 80 while there is something to answer, RFC 8555 8.3. */
export class AcmeHttp {
  readonly #tokens = new Map<string, string>();
  #server: Promise<Server> | undefined;

  /** @throws {ListenError} */
  async serve(token: string, content: string): Promise<void> {
    this.#tokens.set(token, content);
    this.#server ??= this.#open();
    try {
      await this.#server;
    } catch (error) {
      this.#server = undefined;
      throw error;
    }
  }

  async remove(token: string): Promise<void> {
    this.#tokens.delete(token);
    if (this.#tokens.size === 0) await this.close();
  }

  async close(): Promise<void> {
    const opened = this.#server;
    this.#server = undefined;
    const server = await opened?.catch(() => undefined);
    server?.close();
    server?.closeAllConnections();
  }

  async #open(): Promise<Server> {
    try {
      return await this.#listen('::');
    } catch (cause) {
      const error = cause as NodeJS.ErrnoException;
      if (error.code !== 'EAFNOSUPPORT' && error.code !== 'EADDRNOTAVAIL') throw listenError(error, undefined, PORT);
      return this.#listen('0.0.0.0').catch((again) => {
        throw listenError(again, '0.0.0.0', PORT);
      });
    }
  }

  async #listen(host: string): Promise<Server> {
    const server = createServer({ requestTimeout: REQUEST_MS, headersTimeout: REQUEST_MS }, (request, response) => {
      const path = request.url ?? '';
      const content = path.startsWith(PREFIX) ? this.#tokens.get(path.slice(PREFIX.length)) : undefined;
      const isRead = request.method === 'GET' || request.method === 'HEAD';
      const status = content === undefined ? 404 : isRead ? 200 : 405;
      response.writeHead(status, { 'Content-Type': 'application/octet-stream', Connection: 'close' });
      response.end(status === 200 ? content : undefined);
    });
    server.maxConnections = MOST_CONNECTIONS;
    server.listen({ host, port: PORT, exclusive: true });
    await once(server, 'listening');
    return server;
  }
}
