/** Refusals and faults as HTTP: `{ error: <code>, message }`. */
import { STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Log } from '../core/index.ts';

/** The store's refusals as HTTP; other codes are faults of ours. */
const STATUS_OF_CODE: Readonly<Record<string, number>> = {
  ERR_USER_UNKNOWN: 404,
  ERR_USER_EXISTS: 409,
  ERR_USER_ADDRESS: 409,
  ERR_USER_NAME: 400,
  ERR_USER_PASSWORD: 400,
  ERR_USER_PASSWORD_WEAK: 400,
  ERR_USER_GROUP: 400,
  ERR_PROFILE_HOST: 409,
  ERR_TOKEN: 400,
  ERR_TOKEN_UNKNOWN: 404,
};

/** It can't be read or written now. */
const STORE_FAULT = 'ERR_USER_STORE';

const MOST_URL_LENGTH = 200;

export function fail(reply: FastifyReply, status: number, error: string, message: string): FastifyReply {
  return reply.code(status).send({ error, message });
}

/** What Fastify refuses before there is a route: a path that cannot be decoded. */
export function answerBadUrl(error: FastifyError, reply: FastifyReply): FastifyReply {
  return fail(reply, error.statusCode ?? 400, 'ERR_BAD_REQUEST', error.message);
}

/** What Node's parser refuses: no HTTP, too long a header, too slow a request. The connection ends with it. */
export function answerBadBytes({ code }: { readonly code?: string | undefined }, socket: Duplex): void {
  if (code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const [status, message] = STATUS_OF_BYTES[code ?? ''] ?? [400, 'this is no HTTP request'];
  const body = JSON.stringify({ error: 'ERR_BAD_REQUEST', message });
  socket.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nContent-Type: application/json\r\n` +
      `Content-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`,
  );
}

const STATUS_OF_BYTES: Readonly<Record<string, readonly [number, string]>> = {
  ERR_HTTP_REQUEST_TIMEOUT: [408, 'the request takes too long'],
  HPE_HEADER_OVERFLOW: [431, 'the header is too long'],
};

export function addFailures(app: FastifyInstance, log: Log): void {
  app.setNotFoundHandler((request, reply) => {
    const url = request.url.slice(0, MOST_URL_LENGTH);
    return fail(reply, 404, 'ERR_NOT_FOUND', `${request.method} ${url} is not part of this API`);
  });
  app.setErrorHandler((error: FastifyError, request: FastifyRequest, reply: FastifyReply) => {
    const known = STATUS_OF_CODE[error.code];
    if (known !== undefined) return fail(reply, known, error.code, error.message);
    if (error.validation !== undefined) return fail(reply, 400, 'ERR_BAD_REQUEST', error.message);
    if (error.statusCode !== undefined && error.statusCode < 500) {
      return fail(reply, error.statusCode, 'ERR_BAD_REQUEST', error.message);
    }
    log.error('admin.failed', { method: request.method, route: request.routeOptions.url, error });
    if (error.code !== STORE_FAULT) return fail(reply, 500, 'ERR_INTERNAL', 'internal error, see the log');
    // The store words its own failures for operators; they name files, which are not for everybody to know.
    const isForAll = request.asker.kind === 'nobody';
    return fail(reply, 503, error.code, isForAll ? 'the user store cannot be used now, see the log' : error.message);
  });
}
