/**
 * Run as a process of its own in the server's network namespace: `file-server.ts FILE PORT`.
 * GET answers with the file; PUT answers with the SHA-256 of what was sent, in hexadecimal.
 */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { pipeline } from 'node:stream/promises';

const [file, port] = process.argv.slice(2);
if (file === undefined || port === undefined) throw new Error('usage: file-server.ts FILE PORT');

const server = createServer((request, response) => {
  answer(request, response).catch((error: unknown) => {
    console.error(error);
    response.destroy();
  });
});
server.listen(Number(port), '0.0.0.0', () => console.log('listening'));

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  if (request.method !== 'PUT') return pipeline(createReadStream(file as string), response);
  const hash = createHash('sha256');
  await pipeline(request, hash);
  response.end(`${hash.digest('hex')}\n`);
}
