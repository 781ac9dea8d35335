/** Short answers of an ordinary web server. */
import { type ServerResponse, STATUS_CODES } from 'node:http';

/** RFC 9112 6.3: whether a message has a body, of any length. */
export function hasBody(headers: NodeJS.Dict<string | string[]>): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
}

/** The short page of an ordinary web server. */
export function answer(response: ServerResponse, status: number, headers: Record<string, string> = {}): void {
  const title = `${status} ${STATUS_CODES[status]}`;
  const body = `<html>\n<head><title>${title}</title></head>\n<body>\n<h1>${title}</h1>\n</body>\n</html>\n`;
  response.writeHead(status, { 'content-type': 'text/html', 'content-length': Buffer.byteLength(body), ...headers });
  response.end(body);
}
