import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { pipeline } from 'node:stream';
import send from '@fastify/send';
import { answer, hasBody } from './plain-answer.ts';

/**
 * Serves the files of a folder: `index.html` for a folder in it, nothing for names that start with a dot, never a list.
 * Links in the folder are followed, for who may write there decides what is shown.
 */
export function staticListener(root: string): RequestListener {
  return (request, response) => {
    void serve(root, request, response).catch(() => {
      if (!response.headersSent) answer(response, 500);
      else response.destroy();
    });
  };
}

async function serve(root: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
  // A body is not waited for: it may be endless, so the connection goes with the answer.
  if (hasBody(request.headers)) response.setHeader('connection', 'close');
  const path = pathOf(request.url ?? '');
  if (path === undefined) {
    answer(response, 400);
    return;
  }
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    answer(response, 405, { allow: 'GET, HEAD' });
    return;
  }
  const result = await send(request, path, { root, dotfiles: 'ignore', index: ['index.html'] });
  switch (result.type) {
    case 'file':
      response.writeHead(result.statusCode, result.headers);
      pipeline(result.stream, response, () => {}); // a client that leaves ends it
      break;
    case 'directory':
      answer(response, 301, { location: String(result.headers.Location) });
      break;
    default:
      answer(response, result.statusCode === 403 ? 404 : result.statusCode, rangeOf(result.headers));
  }
}

/** @returns the path as sent, without its query; undefined for what names no place (RFC 9112 3.2) */
export function pathOf(target: string): string | undefined {
  if (target.startsWith('/')) return target.split('?', 1)[0];
  const absolute = /^https?:\/\/[^/?#]*([^?#]*)/i.exec(target);
  return absolute === null ? undefined : absolute[1] || '/';
}

/** RFC 9110 15.5.17: how long the file is, with a range that is not in it. */
function rangeOf(headers: Record<string, unknown>): Record<string, string> {
  const range = headers['Content-Range'] ?? headers['content-range'];
  return typeof range === 'string' ? { 'content-range': range } : {};
}
