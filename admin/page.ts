/** The admin page: files of admin/web, read once, with headers that let nothing but them run. */
import { createHash } from 'node:crypto';
import { globSync, readFileSync } from 'node:fs';
import { extname, join } from 'node:path';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { packageFolder } from '../core/index.ts';

/** A file as it is sent. */
export interface PageFile {
  /** `/` or `/assets/app.js` */
  readonly url: string;
  readonly type: string;
  readonly body: Buffer;
  readonly etag: string;
}

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
};

const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "connect-src 'self'",
  "img-src 'self' data:",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  // No string becomes markup or a script, whatever a later version of the page may do by mistake.
  "require-trusted-types-for 'script'",
  "trusted-types 'none'",
].join('; ');

const HEADERS: Readonly<Record<string, string>> = {
  'content-security-policy': POLICY,
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  // Kept, but asked for each time: after an update all files are of the same version.
  'cache-control': 'no-cache',
};

/** Reads the page, while its files may still be read. */
export function readPage(folder: string = join(packageFolder, 'admin/web')): PageFile[] {
  return globSync('**/*.{html,css,js,svg}', { cwd: folder })
    .sort()
    .map((name) => readPageFile(folder, name));
}

function readPageFile(folder: string, name: string): PageFile {
  const path = join(folder, name);
  const body = readFileSync(path);
  return {
    url: name === 'index.html' ? '/' : `/assets/${name}`,
    type: TYPES[extname(name)] ?? 'application/octet-stream',
    body,
    etag: `"${createHash('sha256').update(body).digest('base64url').slice(0, 22)}"`,
  };
}

/** Adds a route for each file; anybody may have them, there is no secret in them. */
export function addPage(app: FastifyInstance, files: readonly PageFile[] = readPage()): void {
  for (const file of files) {
    app.get(file.url, { schema: { hide: true }, config: { scope: 'public' } }, (request, reply) =>
      send(file, request, reply),
    );
  }
}

function send({ type, body, etag }: PageFile, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  reply.headers(HEADERS).header('etag', etag);
  if (matches(request.headers['if-none-match'], etag)) return reply.code(304).send();
  return reply.type(type).send(body);
}

/** RFC 9110 13.1.2; the tags are all ours, so weak ones are as good. */
function matches(header: string | undefined, etag: string): boolean {
  if (header === undefined) return false;
  return header.split(',').some((tag) => ['*', etag].includes(tag.trim().replace(/^W\//, '')));
}
