/** A receiver of webhooks as docs/hooks.md has it: prints each event as a line of JSON, with whether its signature is right. */
import { createHmac, timingSafeEqual } from 'node:crypto';
import { createServer } from 'node:http';

const [address = '', port = '', secret = ''] = process.argv.slice(2);

const server = createServer((request, response) => {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => {
    const body = Buffer.concat(chunks);
    const header = (name: string): string => String(request.headers[name] ?? '');
    const mac = createHmac('sha256', secret)
      .update(`${header('x-sstpd-timestamp')}.`)
      .update(body)
      .digest('hex');
    const sent = Buffer.from(header('x-sstpd-signature').padEnd(71).slice(0, 71));
    const isOurs = timingSafeEqual(Buffer.from(`sha256=${mac}`), sent);
    const event = JSON.parse(body.toString()) as object;
    console.log(JSON.stringify({ ...event, isOurs, name: header('x-sstpd-event') }));
    response.writeHead(204).end();
  });
});
server.listen(Number(port), address, () => console.log('ready'));
