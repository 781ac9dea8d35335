/** What answers requests on the VPN port that are not SSTP's. */
import { createServer, type RequestListener, type Server } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { answer, hasBody } from './plain-answer.ts';
import { proxyListener } from './reverse-proxy.ts';
import { staticListener } from './static-files.ts';

export type Fallback =
  /** A page of our own that says nothing. */
  | { readonly kind: 'page' }
  /** 404 for everything, as a web server with nothing on it. */
  | { readonly kind: 'not-found' }
  /** The files of a folder. */
  | { readonly kind: 'directory'; readonly path: string }
  /** Another web server. */
  | { readonly kind: 'proxy'; readonly url: string };

/** Gives a connection to the other server; rejects with an error that has a `code`. */
export type Dial = () => Promise<Socket>;

/** Larger than what browsers send with many cookies. */
const MOST_HEADER_BYTES = 16_384;

/**
 * The server for anything but the page.
 *
 * @param addressOf the client's address, which with a proxy in front is not that of the socket
 * @param dial connects to another server, where this process may not itself
 * @param failed told by which error a visitor gets no answer of another server
 */
export function fallbackServer(
  fallback: Exclude<Fallback, { kind: 'page' }>,
  addressOf: (socket: Duplex) => string | undefined,
  dial?: Dial,
  failed?: (code: string) => void,
): Server {
  return createServer(
    {
      maxHeaderSize: MOST_HEADER_BYTES,
      keepAliveTimeout: 5_000,
      headersTimeout: 10_000,
    },
    listenerFor(fallback, addressOf, dial, failed),
  );
}

function listenerFor(
  fallback: Exclude<Fallback, { kind: 'page' }>,
  addressOf: (socket: Duplex) => string | undefined,
  dial: Dial | undefined,
  failed: ((code: string) => void) | undefined,
): RequestListener {
  switch (fallback.kind) {
    case 'not-found':
      return (request, response) => {
        if (hasBody(request.headers)) response.setHeader('connection', 'close');
        answer(response, 404);
      };
    case 'directory':
      return staticListener(fallback.path);
    case 'proxy':
      return proxyListener(new URL(fallback.url), addressOf, dial, undefined, failed);
    default:
      return fallback satisfies never;
  }
}
